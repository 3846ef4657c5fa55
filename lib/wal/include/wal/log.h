// A write-ahead log in a folder of its own, in etcd's format with SwarmKit's encryption.
//
// Everything an Append is told to sync goes to disk as one write and one sync. The files are
// allocated ahead and, where Prepare is called, written with zeros ahead: a sync that need not
// allocate or convert blocks is almost twice as fast.
//
// After ResourceExhausted (disk full) nothing of that call is kept, and the log can be used on.
// After any other error it refuses everything: what the disk holds is not known, and only opening
// it again tells.
// Threading: [blocking]; one user at a time.
#pragma once

#include <cstdint>
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
#include "wal/record.h"
#include "wal/segment.h"
#include "wal/types.h"

namespace swarm::wal {

struct LogOptions {
  std::string directory;
  // A file is given up for a new one once it has this size.
  std::uint64_t segment_bytes = 64'000'000;
  // How far Prepare writes zeros ahead; 0: not at all.
  std::uint64_t zero_ahead_bytes = 8 << 20;
};

// What a log holds after a snapshot.
struct LogContents {
  std::string metadata;
  HardState hard_state;
  std::vector<Entry> entries;  // indices continuous, the first follows the snapshot's
  // Copy of the last file from before its torn end was cut off; empty: it was whole.
  std::string broken_copy;
};

class Log {
 public:
  struct Opened;

  // Makes the folder with an empty log; durable and whole, or absent.
  static Status Create(FileSystem& files, const LogOptions& options, std::string_view metadata);

  // Reads all entries after `snapshot` and locks the files. A torn end is cut off once. DataLoss
  // names file and offset of what is damaged; Unauthenticated: a key is missing;
  // FailedPrecondition: another process has it open.
  static Result<Opened> Open(FileSystem& files, const LogOptions& options,
                             const SnapshotMark& snapshot, Unsealer& unsealer,
                             std::unique_ptr<Sealer> sealer);

  // Adds entries, then the hard state unless it is empty or the last one written. Without `sync` it
  // may stay in memory until a later call. An entry may repeat an index: it replaces that entry and
  // all after it.
  Status Append(const HardState& state, std::span<const EntryView> entries, bool sync);
  // Says durably that a snapshot is about to be written.
  Status MarkSnapshot(const SnapshotMark& mark, std::span<const RaftId> voters);
  // Unlocks the files without entries after `index`, so that RemoveSegments can have them.
  void ReleaseTo(Index index);
  // Entries appended from now on are encrypted with this key.
  void UseKey(std::string_view key) { sealer_->UseKey(key); }

  // Whether Prepare has something to do.
  bool WantsPreparation() const;
  // Writes at most `bytes` zeros ahead. Calls it when idle, or now and then. Never makes the log
  // unusable.
  void Prepare(std::uint64_t bytes);

  // Writes what is still in memory, unsynced.
  void Close();

  Index last_index() const { return last_index_; }
  const std::string& metadata() const { return metadata_; }

 private:
  struct Segment {
    SegmentName name;
    std::unique_ptr<File> file;  // locked
  };
  // A file that Prepare makes ready to be the next segment.
  struct Spare {
    std::unique_ptr<File> file;
    std::uint64_t zeroed = 0;
  };

  Log(FileSystem& files, LogOptions options, std::unique_ptr<Sealer> sealer)
      : files_(files), options_(std::move(options)), sealer_(std::move(sealer)) {}

  Status ReadAll(const SnapshotMark& snapshot, Unsealer& unsealer, LogContents& contents);
  Status KeepCopy(const Segment& segment, LogContents& contents);
  Status StartAppending(const LogContents& contents);

  Status Flush();
  Status Undo(Status why);
  Status Rotate();
  Status WriteSpare(Spare& spare, std::uint64_t& size);
  Result<Spare> MakeSpare();
  File& tail() { return *segments_.back().file; }
  std::string PathOf(std::string_view name) const {
    return options_.directory + "/" + std::string(name);
  }

  FileSystem& files_;
  const LogOptions options_;
  const std::unique_ptr<Sealer> sealer_;

  std::vector<Segment> segments_;  // oldest first; records go to the last
  std::string metadata_;
  RecordEncoder encoder_;
  HardState hard_state_;
  Index last_index_;
  std::string pending_;       // frames not written yet
  std::uint64_t offset_ = 0;  // end of the synced data in the last segment
  std::uint64_t zeroed_ = 0;  // up to here it has been written
  std::optional<Spare> spare_;
  bool may_prepare_ = true;  // false once the disk was full
  Status dead_;              // why nothing is accepted any more
};

struct Log::Opened {
  std::unique_ptr<Log> log;
  LogContents contents;
};

// The entries in (from, to] of the log in `directory`, which may be in use, read-only. OutOfRange
// when they are not there. For logs whose entries are never replaced.
Result<std::vector<Entry>> ReadEntries(FileSystem& files, std::string_view directory,
                                       Unsealer& unsealer, Index from, Index to);

}  // namespace swarm::wal
