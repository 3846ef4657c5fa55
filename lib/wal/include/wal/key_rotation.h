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
  // `snapshot`: index of the newest snapshot, which the old key encrypts.
  void Begin(Index last, Index snapshot) {
    active_ = true;
    wait_for_ = std::max(last, snapshot.Next());
  }
  bool active() const { return active_; }
  // Whether a snapshot taken at `applied` would finish it.
  bool NeedsSnapshot(Index applied) const { return active_ && applied >= wait_for_; }
  // A snapshot at `index` has been saved with the new key; true when the rotation is finished.
  bool OnSnapshot(Index index) {
    if (!NeedsSnapshot(index)) return false;
    active_ = false;
    return true;
  }

 private:
  bool active_ = false;
  Index wait_for_;
};

}  // namespace swarm::wal
