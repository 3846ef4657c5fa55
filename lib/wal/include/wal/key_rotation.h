// When the old key of a log is no longer needed.
//
// Rotation: new writes use the new key at once (Log::UseKey, SnapshotFiles::UseKey); once a
// snapshot covers every entry written with the old key, older snapshots and log files are removed
// (keeping none), and the new key alone opens the log. Until then both must be kept.
#pragma once

#include <algorithm>

#include "swarm/ids.h"

namespace swarm::wal {

class KeyRotation {
 public:
  // The log switches to the new key now. `last`: last index written with the old one.
  // `snapshot`: index of the newest snapshot, which the old key encrypts. `key`: which of the keys
  // since the log was opened it is; 0: the one that was pending then.
  void Begin(Index last, Index snapshot, int key = 0) {
    active_ = true;
    key_ = key;
    last_ = last;
    wait_for_ = std::max(last, snapshot.Next());
  }
  bool active() const { return active_; }
  int key() const { return key_; }
  // Whether a snapshot taken at `applied` would finish it.
  bool NeedsSnapshot(Index applied) const { return active_ && applied >= wait_for_; }
  // A snapshot at `index` has been saved with that key; true when the rotation is finished. One
  // that was under way when the keys changed does not finish it.
  bool OnSnapshot(Index index, int key = 0) {
    if (active_ && key != key_) wait_for_ = std::max(last_, index.Next());
    if (!NeedsSnapshot(index)) return false;
    active_ = false;
    return true;
  }

 private:
  bool active_ = false;
  int key_ = 0;
  Index last_;
  Index wait_for_;
};

}  // namespace swarm::wal
