// A member's whole durable state: log and snapshots in "<state>/raft", as SwarmKit lays them out.
//
// Opening returns what is there; then `log` is used from one loop, and `snapshots` with the free
// functions from the same or another, so that a large snapshot does not hold up commits. The order
// of a snapshot: Log::MarkSnapshot, SnapshotFiles::Save, Log::ReleaseTo, CollectGarbage.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "swarm/runtime.h"
#include "swarm/status.h"
#include "wal/cipher.h"
#include "wal/log.h"
#include "wal/snapshot_files.h"

namespace swarm::wal {

struct StorageOptions {
  std::string directory;  // "<state>/raft"
  std::string key;
  // The key to which a rotation is under way; empty: none.
  std::string pending_key;
  Scheme scheme = Scheme::kSecretbox;
  // Refuse to read what is not Fernet. Goes with Scheme::kFernet.
  bool fips = false;
  std::uint64_t segment_bytes = LogOptions().segment_bytes;
  std::uint64_t zero_ahead_bytes = LogOptions().zero_ahead_bytes;

  std::string log_directory() const { return directory + "/wal-v3-encrypted"; }
  std::string snapshot_directory() const { return directory + "/snap-v3-encrypted"; }
};

struct Storage {
  std::unique_ptr<Log> log;
  std::unique_ptr<SnapshotFiles> snapshots;
  // What was there.
  std::optional<Snapshot> snapshot;
  LogContents contents;
  // Damaged snapshot files, under their new names.
  std::vector<std::string> broken_snapshots;
  // There was a pending key and the old one was still needed: go on with KeyRotation. False with a
  // pending key: that one is the key now.
  bool needs_old_key = false;
};

bool StorageExists(FileSystem& files, const StorageOptions& options);

// An empty log with this metadata (a serialised RaftMember).
Status CreateStorage(FileSystem& files, const StorageOptions& options, std::string_view metadata);

// As Log::Open and SnapshotFiles::Load. InvalidArgument without a key.
Result<Storage> OpenStorage(Runtime& runtime, const StorageOptions& options);

// Removes what `current` makes superfluous, but for `keep` older snapshots. The log keeps all after
// the oldest of these and after `keep_after`.
Status CollectGarbage(FileSystem& files, const StorageOptions& options, SnapshotFiles& snapshots,
                      const SnapshotMark& current, std::size_t keep, Index keep_after);

// Removes everything: the member has left its group.
Status EraseStorage(FileSystem& files, const StorageOptions& options);

// Keys of `options` that may have encrypted something.
Unsealer MakeUnsealer(const StorageOptions& options);

}  // namespace swarm::wal
