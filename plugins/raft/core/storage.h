// The durable part of the log, as the core reads it. Nothing here changes except between calls of
// the core.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "core/types.h"

namespace swarm::raft {

class Storage {
 public:
  virtual ~Storage() = default;

  // The log holds [FirstIndex(), LastIndex() + 1); empty when that is. What comes before is in a
  // snapshot.
  virtual Index FirstIndex() const = 0;
  virtual Index LastIndex() const = 0;
  // Known for the entries held and for the one before them.
  virtual std::optional<Term> TermAt(Index index) const = 0;
  // Appends [first, limit), which is held, to `out`; stops before `max_bytes` (encoded) would be
  // passed, but never before one entry.
  virtual void Read(Index first, Index limit, std::uint64_t max_bytes,
                    std::vector<Entry>& out) const = 0;
  // The newest one. Null: there is none now, ask again later.
  virtual SnapshotRef LatestSnapshot() const = 0;
};

// Entries in memory, as SwarmKit's managers keep theirs between two snapshots; the file that makes
// them durable is the owner's.
class MemoryStorage : public Storage {
 public:
  Index FirstIndex() const override { return before_.index + 1; }
  Index LastIndex() const override { return before_.index + entries_.size(); }
  std::optional<Term> TermAt(Index index) const override;
  void Read(Index first, Index limit, std::uint64_t max_bytes,
            std::vector<Entry>& out) const override;
  SnapshotRef LatestSnapshot() const override { return snapshot_; }

  // Continuous; replaces what is there from the first one on.
  void Append(std::span<const Entry> entries);
  // Everything before is gone, and all entries with it.
  void Reset(SnapshotRef snapshot);
  // A snapshot of one's own state.
  void SetSnapshot(SnapshotRef snapshot) { snapshot_ = std::move(snapshot); }
  // Forgets the entries up to and with `index`; those that are not held are no error.
  void Compact(Index index);

 private:
  Position before_;  // what the first entry follows
  std::deque<Entry> entries_;
  SnapshotRef snapshot_;
};

}  // namespace swarm::raft
