#include "core/log.h"

#include <algorithm>

#include "core/invariant.h"

namespace swarm::raft {

Log::Log(const Storage& storage, std::uint64_t max_applying_bytes)
    : storage_(storage),
      max_applying_bytes_(max_applying_bytes),
      unstable_(storage.LastIndex() + 1),
      committed_(storage.FirstIndex() - 1),
      applying_(committed_),
      applied_(committed_) {}

Index Log::FirstIndex() const {
  if (unstable_.snapshot()) return unstable_.snapshot()->position.index + 1;
  return storage_.FirstIndex();
}

// With a snapshot or entries here, storage's end is not the log's.
Index Log::LastIndex() const { return unstable_.limit() - 1; }

std::optional<Term> Log::TermAt(Index index) const {
  if (const std::optional<Term> term = unstable_.TermAt(index)) return term;
  if (index + 1 < FirstIndex() || index >= unstable_.first()) return std::nullopt;
  return storage_.TermAt(index);
}

Position Log::Last() const {
  const Index last = LastIndex();
  const std::optional<Term> term = TermAt(last);
  RAFT_INVARIANT(term.has_value(), "the term of the last entry is never forgotten");
  return {last, *term};
}

bool Log::IsUpToDate(Position candidate) const {
  const Position last = Last();
  return candidate.term > last.term ||
         (candidate.term == last.term && candidate.index >= last.index);
}

std::vector<Entry> Log::Read(Index first, std::uint64_t max_bytes) const {
  return Read(first, LastIndex() + 1, max_bytes);
}

std::vector<Entry> Log::Read(Index first, Index limit, std::uint64_t max_bytes) const {
  std::vector<Entry> out;
  if (first >= limit || first < FirstIndex()) return out;
  const Index border = std::min(limit, unstable_.first());
  if (first < border) {
    storage_.Read(first, border, max_bytes, out);
    if (out.size() < border - first) return out;
  }
  std::uint64_t bytes = 0;
  if (max_bytes != kUnlimited) {
    for (const Entry& entry : out) bytes += EncodedBytes(entry);
  }
  for (Index at = std::max(first, unstable_.first()); at < limit; at = at + 1) {
    const Entry& entry = unstable_.At(at);
    bytes += EncodedBytes(entry);
    if (bytes > max_bytes && !out.empty()) break;
    out.push_back(entry);
  }
  return out;
}

Position Log::FindMeeting(Index index, Term term) const {
  for (; index > Index(); index = index - 1) {
    const std::optional<Term> ours = TermAt(index);
    if (!ours) return {index, Term()};
    if (*ours <= term) return {index, *ours};
  }
  return {};
}

std::optional<Index> Log::FirstMissing(std::span<const Entry> entries) const {
  for (const Entry& entry : entries) {
    if (!Has({entry.index, entry.term})) return entry.index;
  }
  return std::nullopt;
}

SnapshotRef Log::LatestSnapshot() const {
  return unstable_.snapshot() ? unstable_.snapshot() : storage_.LatestSnapshot();
}

void Log::CommitTo(Index index) {
  if (index <= committed_) return;
  RAFT_INVARIANT(index <= LastIndex(), "only what is in the log can be committed");
  committed_ = index;
}

void Log::Restore(SnapshotRef snapshot) {
  committed_ = snapshot->position.index;
  unstable_.Restore(std::move(snapshot));
}

Index Log::Appliable(bool durable_only) const {
  return durable_only ? std::min(committed_, unstable_.first() - 1) : committed_;
}

bool Log::HasCommitted(bool durable_only) const {
  // A snapshot to be written comes before everything.
  return !applying_paused_ && !unstable_.snapshot() && applying_ < Appliable(durable_only);
}

std::vector<Entry> Log::NextCommitted(bool durable_only) const {
  if (!HasCommitted(durable_only)) return {};
  return Read(applying_ + 1, Appliable(durable_only) + 1, max_applying_bytes_ - applying_bytes_);
}

void Log::StartApplying(std::span<const Entry> entries, bool durable_only) {
  if (entries.empty()) return;
  Batch batch{entries.back().index, 0, 0};
  for (const Entry& entry : entries) {
    batch.encoded_bytes += EncodedBytes(entry);
    batch.payload_bytes += PayloadBytes(entry);
  }
  batches_.push_back(batch);
  applying_ = batch.last;
  applying_bytes_ += batch.encoded_bytes;
  // What did not fit waits for room.
  applying_paused_ = applying_bytes_ >= max_applying_bytes_ || applying_ < Appliable(durable_only);
}

std::uint64_t Log::AppliedTo(Index index) {
  RAFT_INVARIANT(index >= applied_ && index <= committed_, "only committed entries are applied");
  applied_ = index;
  applying_ = std::max(applying_, index);
  std::uint64_t payload_bytes = 0;
  while (!batches_.empty() && batches_.front().last <= index) {
    applying_bytes_ -= batches_.front().encoded_bytes;
    payload_bytes += batches_.front().payload_bytes;
    batches_.pop_front();
  }
  applying_paused_ = applying_bytes_ >= max_applying_bytes_;
  return payload_bytes;
}

}  // namespace swarm::raft
