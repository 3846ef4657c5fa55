// The whole log: what storage holds, and after it what is not durable yet; how far it is committed
// and applied.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "core/storage.h"
#include "core/types.h"
#include "core/unstable.h"

namespace swarm::raft {

inline constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

class Log {
 public:
  // `max_applying_bytes`: encoded entries handed out to be applied at a time, but at least one.
  Log(const Storage& storage, std::uint64_t max_applying_bytes);

  Index FirstIndex() const;
  Index LastIndex() const;
  Position Last() const;
  // Known from the one before the first entry to the last.
  std::optional<Term> TermAt(Index index) const;
  bool Has(Position position) const { return TermAt(position.index) == position.term; }
  // The candidate's log contains at least what this one does, as far as terms can tell.
  bool IsUpToDate(Position candidate) const;
  // Entries from `first` on; none when `first` is compacted (which TermAt tells) or past the end.
  std::vector<Entry> Read(Index first, std::uint64_t max_bytes) const;
  std::vector<Entry> Read(Index first, Index limit, std::uint64_t max_bytes) const;
  // The newest position at or before `index` whose term is at most `term`; for one that is not
  // known any more, the term is 0.
  Position FindMeeting(Index index, Term term) const;
  // The first of `entries` that the log does not have.
  std::optional<Index> FirstMissing(std::span<const Entry> entries) const;
  SnapshotRef LatestSnapshot() const;

  // From the first entry on, they replace what is there; it is not committed.
  void Append(std::span<const Entry> entries) { unstable_.Append(entries); }
  // Never lowers it; at most LastIndex().
  void CommitTo(Index index);
  // A snapshot instead of everything.
  void Restore(SnapshotRef snapshot);

  Index committed() const { return committed_; }
  Index applied() const { return applied_; }
  // Handed out to be applied.
  Index applying() const { return applying_; }

  // Committed entries to apply next. `durable_only`: not those that are still to be written here.
  bool HasCommitted(bool durable_only) const;
  std::vector<Entry> NextCommitted(bool durable_only) const;
  void StartApplying(std::span<const Entry> entries, bool durable_only);
  // Returns the payload bytes that thereby were applied.
  std::uint64_t AppliedTo(Index index);

  Unstable& unstable() { return unstable_; }
  const Unstable& unstable() const { return unstable_; }

 private:
  Index Appliable(bool durable_only) const;

  const Storage& storage_;
  const std::uint64_t max_applying_bytes_;
  Unstable unstable_;
  Index committed_;
  Index applying_;
  Index applied_;
  // Handed out and not applied yet.
  struct Batch {
    Index last;
    std::uint64_t encoded_bytes;
    std::uint64_t payload_bytes;
  };
  std::deque<Batch> batches_;
  std::uint64_t applying_bytes_ = 0;
  bool applying_paused_ = false;
};

}  // namespace swarm::raft
