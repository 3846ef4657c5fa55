#include "core/storage.h"

#include <algorithm>

#include "core/invariant.h"

namespace swarm::raft {

std::optional<Term> MemoryStorage::TermAt(Index index) const {
  if (index == before_.index) return before_.term;
  if (index < before_.index || index > LastIndex()) return std::nullopt;
  return entries_[index - FirstIndex()].term;
}

void MemoryStorage::Read(Index first, Index limit, std::uint64_t max_bytes,
                         std::vector<Entry>& out) const {
  RAFT_INVARIANT(first >= FirstIndex() && limit <= LastIndex() + 1, "only what is held is read");
  std::uint64_t bytes = 0;
  for (Index at = first; at < limit; at = at + 1) {
    const Entry& entry = entries_[at - FirstIndex()];
    bytes += EncodedBytes(entry);
    if (bytes > max_bytes && at != first) return;
    out.push_back(entry);
  }
}

void MemoryStorage::Append(std::span<const Entry> entries) {
  // What a snapshot already covers is not kept.
  while (!entries.empty() && entries.front().index < FirstIndex()) entries = entries.subspan(1);
  if (entries.empty()) return;
  const Index first = entries.front().index;
  RAFT_INVARIANT(first <= LastIndex() + 1, "a log has no holes");
  entries_.resize(first - FirstIndex());
  entries_.insert(entries_.end(), entries.begin(), entries.end());
}

void MemoryStorage::Reset(SnapshotRef snapshot) {
  snapshot_ = std::move(snapshot);
  before_ = snapshot_->position;
  entries_.clear();
}

void MemoryStorage::Compact(Index index) {
  if (index < FirstIndex()) return;
  RAFT_INVARIANT(index <= LastIndex(), "only what is there can be compacted");
  before_.term = *TermAt(index);
  entries_.erase(entries_.begin(),
                 entries_.begin() + static_cast<std::ptrdiff_t>(index - before_.index));
  before_.index = index;
}

}  // namespace swarm::raft
