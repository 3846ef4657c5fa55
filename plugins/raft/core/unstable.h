// The end of the log that is not known to be durable: entries and possibly a received snapshot
// before them, some of it already handed out to be written.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "core/types.h"

namespace swarm::raft {

class Unstable {
 public:
  // `first`: index that the first entry will have.
  explicit Unstable(Index first) : first_(first), unwritten_(first) {}

  Index first() const { return first_; }
  Index limit() const { return first_ + entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const Entry& At(Index index) const { return entries_[index - first_]; }
  const SnapshotRef& snapshot() const { return snapshot_; }
  // Of entries here, and of the snapshot.
  std::optional<Term> TermAt(Index index) const;

  // What was not handed out yet.
  std::vector<Entry> NewEntries() const;
  bool has_new_entries() const { return unwritten_ < limit(); }
  SnapshotRef NewSnapshot() const { return snapshot_taken_ ? nullptr : snapshot_; }
  // All of it now is.
  void HandOut();

  // Written: leaves this part. Positions that were replaced meanwhile are ignored.
  void Written(Position last);
  void SnapshotWritten(Index index);

  // Entries that never will be written.
  void DropEntries();

  // Replaces what is there from the first one on; no hole.
  void Append(std::span<const Entry> entries);
  void Restore(SnapshotRef snapshot);

 private:
  SnapshotRef snapshot_;
  bool snapshot_taken_ = false;
  std::deque<Entry> entries_;
  Index first_;
  Index unwritten_;  // first entry that was not handed out
};

}  // namespace swarm::raft
