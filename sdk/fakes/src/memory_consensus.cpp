#include "fakes/memory_consensus.h"

#include <algorithm>
#include <utility>

#include "swarm/store_errors.h"

namespace swarm::fakes {

MemoryConsensus::MemoryConsensus(Runtime& runtime)
    : loop_(runtime.NewLoop("memory-consensus", LoopKind::kShared)) {}

MemoryConsensus::~MemoryConsensus() { Stop(); }

void MemoryConsensus::Stop() { loop_->Stop(); }

void MemoryConsensus::Attach(ReplicatedState& state) noexcept { state_ = &state; }

Result<ProposalEpoch> MemoryConsensus::OpenEpoch(LeaderEpoch leadership) noexcept {
  std::lock_guard lock(mutex_);
  if (!leading_ || leadership != leadership_) {
    return Status(Code::kUnavailable, std::string(store_errors::kLostLeader));
  }
  last_epoch_ = last_epoch_.Next();
  open_epoch_ = last_epoch_;
  next_sequence_ = Sequence(1);
  waiting_.clear();
  return last_epoch_;
}

void MemoryConsensus::Propose(ProposalEpoch epoch, Sequence sequence,
                              std::string changes) noexcept {
  loop_->Post([this, proposal = Proposal{epoch, sequence, std::move(changes)}]() mutable {
    Arrived(std::move(proposal));
  });
}

void MemoryConsensus::Arrived(Proposal proposal) {
  std::unique_lock lock(mutex_);
  if (!leading_ || open_epoch_ != proposal.epoch) return;
  SWARM_CHECK(proposal.sequence == next_sequence_, "proposals of an epoch arrive in order");
  if (proposal.data.size() > kMaxEntryBytes) {
    return Refuse(lock, proposal.epoch, proposal.sequence,
                  Status(Code::kInvalidArgument, std::string(store_errors::kTooLarge)));
  }
  if (refuse_ && refuse_after_-- == 0) {
    Status why = *std::exchange(refuse_, std::nullopt);
    return Refuse(lock, proposal.epoch, proposal.sequence, std::move(why));
  }
  next_sequence_ = next_sequence_.Next();
  waiting_.push_back(std::move(proposal));
  most_in_flight_ = std::max(most_in_flight_, waiting_.size());
  lock.unlock();
  loop_->Post([this] { CommitWaiting(); });
}

void MemoryConsensus::Refuse(std::unique_lock<std::mutex>& lock, ProposalEpoch epoch,
                             Sequence first, Status why) {
  open_epoch_.reset();
  ++refusals_;
  lock.unlock();
  state_->OnRefused(epoch, first, std::move(why));
}

void MemoryConsensus::CommitWaiting() {
  std::vector<CommittedEntry> entries;
  {
    std::lock_guard lock(mutex_);
    while (!waiting_.empty() && (!holding_ || release_ > 0)) {
      if (holding_) --release_;
      Proposal proposal = std::move(waiting_.front());
      waiting_.pop_front();
      commit_ = Index(commit_.value() + stride_);
      if (keep_log_) log_.push_back({commit_, {}, {}, std::move(proposal.data)});
      entries.push_back({commit_, proposal.epoch, proposal.sequence, {}});
    }
  }
  if (!entries.empty()) state_->OnCommitted(std::move(entries));
}

LeaderInfo MemoryConsensus::Leader() const noexcept {
  std::lock_guard lock(mutex_);
  LeaderInfo info;
  info.self = leading_;
  if (leading_) info.node_id = "self";
  return info;
}

std::vector<Member> MemoryConsensus::Members() const noexcept {
  std::lock_guard lock(mutex_);
  return {{RaftId(1), "self", "memory", true, leading_, true}};
}

Index MemoryConsensus::CommitIndex() const noexcept {
  std::lock_guard lock(mutex_);
  return commit_;
}

Status MemoryConsensus::TransferLeadership() noexcept {
  return {Code::kFailedPrecondition, "there is no other manager to take over"};
}

void MemoryConsensus::ReadLog(Index from, Index to,
                              Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept {
  std::vector<CommittedEntry> found;
  Status status;
  {
    std::lock_guard lock(mutex_);
    if (from > to) status = {Code::kOutOfRange, "versions are out of order"};
    if (to > commit_) status = {Code::kOutOfRange, "last version is out of bounds"};
    for (const CommittedEntry& entry : log_) {
      if (entry.index > from && entry.index <= to) found.push_back(entry);
    }
  }
  if (!status.ok()) return done(std::move(status));
  done(std::move(found));
}

void MemoryConsensus::Lead(bool now) {
  std::unique_lock lock(mutex_);
  if (leading_) return;
  leading_ = true;
  leadership_ = leadership_.Next();
  open_epoch_.reset();
  const LeaderEpoch epoch = leadership_;
  const Index commit = commit_;
  lock.unlock();
  if (now) return state_->OnLeader(epoch, commit);
  loop_->Post([this, epoch, commit] { state_->OnLeader(epoch, commit); });
}

void MemoryConsensus::Follow(bool commit_rest) {
  std::unique_lock lock(mutex_);
  if (!leading_) return;
  leading_ = false;
  open_epoch_.reset();
  std::deque<Proposal> rest = std::exchange(waiting_, {});
  lock.unlock();
  loop_->Post([this] { state_->OnFollower(); });
  if (!commit_rest) return;
  for (Proposal& proposal : rest) CommitForeign(std::move(proposal.data));
}

void MemoryConsensus::Hold() {
  std::lock_guard lock(mutex_);
  holding_ = true;
  release_ = 0;
}

void MemoryConsensus::Release(std::size_t count) {
  {
    std::lock_guard lock(mutex_);
    release_ = std::min(count, waiting_.size());
  }
  loop_->Post([this] { CommitWaiting(); });
}

void MemoryConsensus::StopHolding() {
  {
    std::lock_guard lock(mutex_);
    holding_ = false;
  }
  loop_->Post([this] { CommitWaiting(); });
}

void MemoryConsensus::RefuseNext(Status why, std::size_t after) {
  std::lock_guard lock(mutex_);
  refuse_ = std::move(why);
  refuse_after_ = after;
}

void MemoryConsensus::RefuseHeld(Status why) {
  loop_->Post([this, why = std::move(why)]() mutable {
    std::unique_lock lock(mutex_);
    if (waiting_.empty()) return;
    const Proposal first = std::move(waiting_.front());
    waiting_.clear();
    Refuse(lock, first.epoch, first.sequence, std::move(why));
  });
}

void MemoryConsensus::CommitForeign(std::string data) {
  loop_->Post([this, data = std::move(data)]() mutable {
    std::vector<CommittedEntry> entries;
    {
      std::lock_guard lock(mutex_);
      commit_ = Index(commit_.value() + stride_);
      if (keep_log_) log_.push_back({commit_, {}, {}, data});
      entries.push_back({commit_, {}, {}, std::move(data)});
    }
    state_->OnCommitted(std::move(entries));
  });
}

void MemoryConsensus::Restore(StoreImage image) {
  loop_->Post([this, image = std::move(image)]() mutable {
    {
      std::lock_guard lock(mutex_);
      commit_ = std::max(commit_, image.index);
    }
    state_->OnRestore(std::move(image));
  });
}

void MemoryConsensus::SetStride(std::uint64_t stride) {
  std::lock_guard lock(mutex_);
  stride_ = stride;
}

void MemoryConsensus::SetIndex(Index index) {
  std::lock_guard lock(mutex_);
  commit_ = index;
}

void MemoryConsensus::KeepLog(bool keep) {
  std::lock_guard lock(mutex_);
  keep_log_ = keep;
}

std::vector<CommittedEntry> MemoryConsensus::log() const {
  std::lock_guard lock(mutex_);
  return log_;
}

std::size_t MemoryConsensus::held() const {
  std::lock_guard lock(mutex_);
  return waiting_.size();
}

std::size_t MemoryConsensus::most_in_flight() const {
  std::lock_guard lock(mutex_);
  return most_in_flight_;
}

std::uint64_t MemoryConsensus::refusals() const {
  std::lock_guard lock(mutex_);
  return refusals_;
}

}  // namespace swarm::fakes
