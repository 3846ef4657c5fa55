#include "sim_member.h"

#include <algorithm>
#include <string>
#include <utility>

namespace swarm::raft::testing {

SimMember::SimMember(MemberSettings settings, World& world, Oracle& oracle, Counters& counters,
                     Dice& dice)
    : settings_(std::move(settings)),
      world_(world),
      oracle_(oracle),
      counters_(counters),
      dice_(dice) {
  if (!settings_.voters.empty()) {
    // A group starts with a snapshot that says who belongs to it.
    Snapshot first;
    first.position = {Index(1), Term(1)};
    first.conf_state.voters = settings_.voters;
    first.data = MakePayload(std::to_string(oracle_.StateAt(Index(1))));
    storage_.Reset(std::make_shared<const Snapshot>(std::move(first)));
    hard_state_ = {Term(1), kNobody, Index(1)};
    synced_commit_ = Index(1);
  }
  Start();
}

void SimMember::Start() {
  const SnapshotRef snapshot = storage_.LatestSnapshot();
  conf_state_ = snapshot ? snapshot->conf_state : ConfState();
  applied_ = snapshot ? snapshot->position.index : Index();

  Options options;
  options.id = settings_.id;
  options.variant = settings_.variant;
  fast_ = world_.FastAt(applied_);
  hurried_ = true;
  const Timing timing = TimingNow();
  options.election_ticks = timing.election_ticks;
  options.heartbeat_ticks = timing.heartbeat_ticks;
  options.pre_vote = timing.pre_vote;
  options.short_ties = true;  // but for those that ask first
  options.apply_written_only = settings_.pipelined;
  options.max_inflight_appends = 4;  // small, so that windows fill
  options.max_append_bytes = settings_.append_bytes;
  options.max_applying_bytes = 200;
  options.random = [this](std::uint64_t bound) { return dice_.Below(bound); };
  raft_ = std::make_unique<Raft>(std::move(options), storage_,
                                 Saved{hard_state_, conf_state_, applied_});
  oracle_.Restarted(*raft_);
}

void SimMember::Crash() {
  ++counters_.crashes;
  raft_.reset();
  DropReads();
  leads_ = false;
  disk_full_ = disk_full_ && dice_.Percent(50);
  // Of what was being written, some is on the disk: a first part, and of the next write its first
  // entries. The state comes after the entries.
  const std::size_t kept = dice_.Below(writes_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) Store(writes_[i]);
  if (kept < writes_.size()) {
    ++counters_.writes_lost;
    std::vector<Entry>& torn = writes_[kept].entries;
    torn.resize(dice_.Below(torn.size() + 1));
    if (!torn.empty() && !writes_[kept].snapshot) {
      ++counters_.writes_torn;
      StoreEntries(torn);
    }
  }
  writes_.clear();
  batches_.clear();
  if (hard_state_.commit > synced_commit_ && dice_.Percent(50)) {
    ++counters_.commits_lost;
    hard_state_.commit = synced_commit_;
  }
}

// Profiles have small numbers, so that much happens; but upstream's heartbeats are too slow for a
// member that is fast, as they really are.
Timing SimMember::TimingNow() const {
  if (!settings_.profiles) {
    return {.election_ticks = 10, .heartbeat_ticks = 1, .pre_vote = settings_.pre_vote};
  }
  const bool foreign = settings_.variant.rules_2021();
  if (fast_ && !foreign) {
    return {.election_ticks = 5, .heartbeat_ticks = 1, .pre_vote = true};
  }
  return {.election_ticks = 24, .heartbeat_ticks = hurried_ && !foreign ? 1 : 8, .pre_vote = false};
}

void SimMember::UseTiming() {
  raft_->SetTiming(TimingNow());
  Did();
}

void SimMember::Hurry(bool hurry) {
  if (std::exchange(hurried_, hurry) != hurry) UseTiming();
}

void SimMember::Did() {
  oracle_.Observe(*raft_);
  const bool leads = raft_->role() == Role::kLeader;
  if (leads && !leads_) {
    oracle_.Leads(*raft_, hard_state_);
    caught_up_at_ = raft_->log().LastIndex();
    next_version_ = 0;
  }
  if (!leads && leads_) DropReads();
  leads_ = leads;
  AnswerReads();
}

bool SimMember::serves() const { return leads_ && applied_ >= caught_up_at_; }

void SimMember::Read(std::uint64_t read) {
  if (!serves()) return world_.TurnedDown(read);
  reads_.push_back({read, ++round_});
  raft_->ConfirmLeadership(round_);
  Did();
}

void SimMember::AnswerReads() {
  while (!reads_.empty() && reads_.front().round <= raft_->confirmed_round()) {
    world_.Answered(reads_.front().read, applied_);
    reads_.pop_front();
  }
}

void SimMember::DropReads() {
  for (const PendingRead& pending : reads_) world_.TurnedDown(pending.read);
  reads_.clear();
}

// As the product does it: a leader that cannot write wants another one to lead.
bool SimMember::HasRoomFor(const Write& write) {
  if (!disk_full_ || (!write.must_sync && !write.snapshot)) return true;
  ++counters_.writes_that_found_no_room;
  const std::vector<RaftId>& voters = raft_->configuration().voters.incoming.ids();
  if (leads_ && !voters.empty()) TransferTo(voters[dice_.Below(voters.size())]);
  return false;
}

void SimMember::Tick() {
  if (raft_->role() != Role::kLeader) Hurry(true);
  raft_->Tick();
  Did();
}

void SimMember::Receive(Message message) {
  raft_->Step(std::move(message));
  Did();
}

Proposed SimMember::Propose(Payload payload) {
  const Proposed proposed = raft_->Propose({std::move(payload)});
  Did();
  return proposed;
}

Proposed SimMember::Change(const ConfChange& change) {
  const Proposed proposed = raft_->ProposeConfChange(change);
  Did();
  return proposed;
}

void SimMember::TransferTo(RaftId to) {
  raft_->TransferLeadership(to);
  Did();
}

void SimMember::ReportUnreachable(RaftId id) {
  raft_->ReportUnreachable(id);
  Did();
}

void SimMember::ReportSnapshot(RaftId id, bool arrived) {
  raft_->ReportSnapshot(id, arrived);
  Did();
}

bool SimMember::TakeWork() {
  if (!raft_->HasReady() || (!settings_.pipelined && !writes_.empty())) return false;
  Ready ready = raft_->TakeReady();
  Write write;
  write.hard_state = ready.hard_state;
  write.entries = std::move(ready.entries);
  write.snapshot = std::move(ready.snapshot);
  write.must_sync = ready.must_sync;
  write.mark = ready.mark;
  write.after = std::move(ready.messages_after_write);
  if (settings_.pipelined) {
    Say(ready.messages);
    if (!ready.committed.empty()) batches_.push_back(std::move(ready.committed));
  } else {
    write.before = std::move(ready.messages);
    write.committed = std::move(ready.committed);
  }
  writes_.push_back(std::move(write));
  Did();
  return true;
}

void SimMember::Store(const Write& write) {
  if (write.snapshot) {
    storage_.Reset(write.snapshot);
    // What was written before the snapshot is synced with it.
    synced_commit_ = std::max(synced_commit_, write.snapshot->position.index);
  }
  StoreEntries(write.entries);
  if (!write.hard_state.empty()) hard_state_ = write.hard_state;
  if (write.must_sync) synced_commit_ = hard_state_.commit;
}

bool SimMember::FinishWrite() {
  if (writes_.empty() || !HasRoomFor(writes_.front())) return false;
  Write write = std::move(writes_.front());
  writes_.pop_front();
  Store(write);
  if (write.snapshot) Install(*write.snapshot);
  Say(write.before);
  std::vector<Message> own;
  for (Message& message : write.after) {
    if (message.to == id()) own.push_back(std::move(message));
  }
  std::erase_if(write.after, [this](const Message& message) { return message.to == id(); });
  Say(write.after);
  if (!settings_.pipelined) Apply(write.committed);
  for (Message& message : own) {
    raft_->Step(std::move(message));
    Did();
  }
  raft_->Written(write.mark);
  Did();
  if (!write.committed.empty()) {
    raft_->Applied(write.committed.back().index);
    Did();
  }
  return true;
}

void SimMember::Say(std::vector<Message>& messages) {
  for (Message& message : messages) {
    oracle_.Sent(message, hard_state_, storage_.LastIndex());
    world_.Send(std::move(message));
  }
}

void SimMember::Install(const Snapshot& snapshot) {
  ++counters_.snapshots_installed;
  const Index index = snapshot.position.index;
  if (!oracle_.Knows(index) || *snapshot.data != std::to_string(oracle_.StateAt(index)))
    oracle_.Violated("a snapshot is not the state after its last entry");
  conf_state_ = snapshot.conf_state;
  applied_ = index;
  batches_.clear();
  if (std::exchange(fast_, world_.FastAt(applied_)) != fast_) UseTiming();
}

bool SimMember::ApplyBatch() {
  if (batches_.empty()) return false;
  const std::vector<Entry> batch = std::move(batches_.front());
  batches_.pop_front();
  Apply(batch);
  raft_->Applied(batch.back().index);
  Did();
  return true;
}

void SimMember::Apply(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (entry.index != applied_ + 1)
      oracle_.Violated("entries are not applied one after the other");
    applied_ = entry.index;
    oracle_.Applied(id(), entry);
    if (IsConfChange(entry)) {
      if (const auto state = raft_->ApplyConfChange(entry)) conf_state_ = *state;
      Did();
    }
    world_.Applied(id(), entry);
    if (std::exchange(fast_, world_.FastAt(applied_)) != fast_) UseTiming();
  }
}

void SimMember::TakeSnapshot() {
  const SnapshotRef last = storage_.LatestSnapshot();
  if (applied_ == Index() || applied_ > storage_.LastIndex() ||
      (last && last->position.index >= applied_))
    return;
  ++counters_.snapshots_taken;
  Snapshot snapshot;
  snapshot.position = {applied_, *storage_.TermAt(applied_)};
  snapshot.conf_state = conf_state_;
  snapshot.data = MakePayload(std::to_string(oracle_.StateAt(applied_)));
  storage_.SetSnapshot(std::make_shared<const Snapshot>(std::move(snapshot)));
  const std::uint64_t keep = dice_.Below(6);
  if (applied_.value() > keep) storage_.Compact(applied_ - keep);
}

}  // namespace swarm::raft::testing
