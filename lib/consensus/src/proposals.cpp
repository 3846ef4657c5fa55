#include "consensus/proposals.h"

#include <utility>

#include "swarm/consensus.h"
#include "swarm/store_errors.h"

namespace swarm::consensus {
namespace {

// Beyond it proposals are refused: the disk does not keep up, and the store's own bound is lower.
constexpr std::size_t kMaxQueuedBytes = 64 << 20;
// What a proposal without changes takes.
constexpr std::size_t kItemBytes = 256;

void PutId(Proposal& proposal, std::uint64_t id) {
  proposal.head[proposal.head_size++] = 0x08;  // field 1, a varint
  for (; id >= 0x80; id >>= 7) {
    proposal.head[proposal.head_size++] = static_cast<char>(id | 0x80);
  }
  proposal.head[proposal.head_size++] = static_cast<char>(id);
}

Status LostLeader() { return {Code::kUnavailable, std::string(store_errors::kLostLeader)}; }

}  // namespace

void Proposals::Lead(LeaderEpoch leadership) {
  const std::lock_guard lock(mutex_);
  leadership_ = leadership;
}

void Proposals::Resign() {
  const std::lock_guard lock(mutex_);
  leadership_ = LeaderEpoch();
  Clear();
}

void Proposals::Clear() {
  refusing_ = true;
  queue_.clear();
  queued_bytes_ = 0;
}

LeaderEpoch Proposals::leadership() const {
  const std::lock_guard lock(mutex_);
  return leadership_;
}

Result<ProposalEpoch> Proposals::OpenEpoch(LeaderEpoch leadership) {
  const std::lock_guard lock(mutex_);
  if (leadership.value() == 0 || leadership != leadership_) return LostLeader();
  // The upper half makes it rise over restarts as well.
  epoch_ = ProposalEpoch(leadership.value() << 32 | ++epochs_);
  next_ = Sequence(1);
  refusing_ = false;
  return epoch_;
}

ProposalEpoch Proposals::current_epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

std::optional<Status> Proposals::Check(ProposalEpoch epoch, Sequence sequence,
                                       std::size_t size) const {
  if (leadership_.value() == 0 || epoch != epoch_) return LostLeader();
  if (sequence != next_) {
    return Status(Code::kInternal, "proposal " + std::to_string(sequence.value()) + " where " +
                                       std::to_string(next_.value()) + " is due");
  }
  if (size > kMaxEntryBytes) return store_errors::Make(store_errors::kTooLarge);
  if (queued_bytes_ + size > kMaxQueuedBytes) {
    return Status(Code::kResourceExhausted,
                  "too many changes are waiting to be written to the log; try again later");
  }
  return std::nullopt;
}

bool Proposals::Add(ProposalEpoch epoch, Sequence sequence, std::string changes) {
  const std::lock_guard lock(mutex_);
  // What comes after a refusal is covered by it.
  if (refusing_ && epoch == epoch_) return false;
  Item item;
  if (std::optional<Status> why = Check(epoch, sequence, changes.size())) {
    if (epoch == epoch_) refusing_ = true;
    item.refusal = Refusal{epoch, sequence, *std::move(why)};
  } else {
    item.proposal = {epoch, sequence, std::move(changes), {}, 0, {}};
    PutId(item.proposal, ids_.Next());
    next_ = sequence.Next();
    queued_bytes_ += item.proposal.changes.size() + kItemBytes;
  }
  queue_.push_back(std::move(item));
  return !std::exchange(writing_, true);
}

Batch Proposals::Take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  Batch batch;
  std::size_t size = 0;
  while (!queue_.empty() && size < bytes) {
    Item item = std::move(queue_.front());
    queue_.pop_front();
    if (item.refusal) {
      batch.refusal = std::move(item.refusal);
      return batch;
    }
    const std::size_t taken = item.proposal.changes.size() + kItemBytes;
    size += taken;
    queued_bytes_ -= taken;
    batch.proposals.push_back(std::move(item.proposal));
  }
  if (batch.empty()) writing_ = false;
  return batch;
}

std::vector<Refusal> Proposals::Refuse(const Batch& batch, const Status& why) {
  const std::lock_guard lock(mutex_);
  std::map<ProposalEpoch, Refusal> refusals;
  const auto add = [&](ProposalEpoch epoch, Sequence sequence, const Status& reason) {
    refusals.try_emplace(epoch, Refusal{epoch, sequence, reason});
  };
  for (const Proposal& proposal : batch.proposals) add(proposal.epoch, proposal.sequence, why);
  if (batch.refusal) add(batch.refusal->epoch, batch.refusal->first, batch.refusal->why);
  for (const Item& item : queue_) {
    if (item.refusal) {
      add(item.refusal->epoch, item.refusal->first, item.refusal->why);
    } else {
      add(item.proposal.epoch, item.proposal.sequence, why);
    }
  }
  const bool current = refusals.contains(epoch_);
  const bool was_refusing = refusing_;
  Clear();
  refusing_ = was_refusing || current;
  std::vector<Refusal> out;
  for (auto& [epoch, refusal] : refusals) out.push_back(std::move(refusal));
  return out;
}

}  // namespace swarm::consensus
