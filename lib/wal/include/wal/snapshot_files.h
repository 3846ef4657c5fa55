// Snapshots of the state machine, a file each, "%016x-%016x.snap" of term and index.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/files.h"
#include "swarm/ids.h"
#include "swarm/status.h"
#include "wal/cipher.h"
#include "wal/types.h"

namespace swarm::wal {

struct Snapshot {
  SnapshotMark mark;
  std::vector<RaftId> voters;
  std::string data;
};

// A snapshot to be written; borrows its data, which may be large: `head` followed by `tail`.
struct SnapshotView {
  SnapshotMark mark;
  std::span<const RaftId> voters;
  std::string_view head;
  std::string_view tail;
};

// A snapshot file's content as bytes, and back. Decode: DataLoss when it is damaged,
// Unauthenticated when no key fits.
Result<std::string> EncodeSnapshot(const SnapshotView& snapshot, Sealer& sealer);
Result<Snapshot> DecodeSnapshot(std::string_view file, Unsealer& unsealer);

std::string SnapshotFileName(const SnapshotMark& mark);
std::optional<SnapshotMark> ParseSnapshotFileName(std::string_view name);

// Threading: [blocking]; one user at a time.
class SnapshotFiles {
 public:
  SnapshotFiles(FileSystem& files, std::string directory, std::unique_ptr<Sealer> sealer)
      : files_(files), directory_(std::move(directory)), sealer_(std::move(sealer)) {}

  // The newest that can be read; none when there is none. Damaged files get the suffix ".broken"
  // and are passed over; their paths are added to `broken`.
  Result<std::optional<Snapshot>> Load(Unsealer& unsealer, std::vector<std::string>& broken);

  // Durable once this returns OK; otherwise the file is removed. `stop` is asked between pieces;
  // Cancelled when it says so. The log must have been told before (Log::MarkSnapshot).
  Status Save(const SnapshotView& snapshot, const std::function<bool()>& stop);

  // Removes all that are older than `current` but the newest `keep` of those. The index of the
  // oldest that is left; 0 and nothing removed when `current` is not there.
  Result<Index> CollectGarbage(const SnapshotMark& current, std::size_t keep);

  void UseKey(std::string_view key) { sealer_->UseKey(key); }

 private:
  std::string PathOf(std::string_view name) const { return directory_ + "/" + std::string(name); }
  Status Write(const std::string& path, std::string_view bytes, const std::function<bool()>& stop);
  // Newest first.
  Result<std::vector<SnapshotMark>> List();

  FileSystem& files_;
  const std::string directory_;
  const std::unique_ptr<Sealer> sealer_;
};

}  // namespace swarm::wal
