#include "core/unstable.h"

#include <algorithm>

#include "core/invariant.h"

namespace swarm::raft {

std::optional<Term> Unstable::TermAt(Index index) const {
  if (index >= first_) {
    if (index < limit()) return At(index).term;
    return std::nullopt;
  }
  if (snapshot_ && snapshot_->position.index == index) return snapshot_->position.term;
  return std::nullopt;
}

std::vector<Entry> Unstable::NewEntries() const {
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(unwritten_ - first_);
  return {begin, entries_.end()};
}

void Unstable::HandOut() {
  unwritten_ = limit();
  if (snapshot_) snapshot_taken_ = true;
}

void Unstable::Written(Position last) {
  if (last.index < first_ || last.index >= limit() || At(last.index).term != last.term) return;
  const Index next = last.index + 1;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(next - first_));
  first_ = next;
  unwritten_ = std::max(unwritten_, first_);
}

void Unstable::SnapshotWritten(Index index) {
  if (!snapshot_ || snapshot_->position.index != index) return;
  snapshot_ = nullptr;
  snapshot_taken_ = false;
}

void Unstable::DropEntries() {
  entries_.clear();
  unwritten_ = first_;
}

void Unstable::Append(std::span<const Entry> entries) {
  const Index from = entries.front().index;
  RAFT_INVARIANT(from <= limit(), "a log has no holes");
  if (from < first_) {
    entries_.clear();
    first_ = from;
    unwritten_ = from;
  } else {
    entries_.resize(from - first_);
    unwritten_ = std::min(unwritten_, from);
  }
  entries_.insert(entries_.end(), entries.begin(), entries.end());
}

void Unstable::Restore(SnapshotRef snapshot) {
  first_ = snapshot->position.index + 1;
  unwritten_ = first_;
  entries_.clear();
  snapshot_ = std::move(snapshot);
  snapshot_taken_ = false;
}

}  // namespace swarm::raft
