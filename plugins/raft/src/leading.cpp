// Leadership as the store sees it, and its proposals.
#include <iterator>
#include <utility>

#include "driver.h"
#include "swarm/store_errors.h"

namespace swarm::raft {
namespace {

// What one turn takes from the queue at most.
constexpr std::size_t kMaxBatchBytes = 4 << 20;

Status LostLeader() { return {Code::kUnavailable, std::string(store_errors::kLostLeader)}; }

Payload WithId(const consensus::Proposal& proposal) {
  std::string data;
  data.reserve(proposal.head_size + proposal.changes.size());
  data.append(proposal.head_bytes());
  data.append(proposal.changes);
  return MakePayload(std::move(data));
}

}  // namespace

void Driver::OnSoftState(const SoftState& soft) {
  TellRole(soft);
  if (soft.role == Role::kLeader) {
    leader_foreign_ = false;
    hurried_ = true;
    UseTiming();
    // Its own first entry commits what earlier leaders left: until that is applied it does not
    // know what the group has decided.
    caught_up_at_ = core_->log().LastIndex();
  } else {
    StepDown();
  }
  table_.SetLeader(soft.leader, leads_);
  CheckLeader();
}

void Driver::TellRole(const SoftState& soft) const {
  const std::string term = std::to_string(core_->term().value());
  if (soft.role == Role::kCandidate || soft.role == Role::kPreCandidate) {
    log_.Info("Stands for election", {{"term", term}});
  } else if (soft.role == Role::kFollower && soft.leader != kNobody) {
    log_.Info("Follows a leader", {{"leader", table_.NodeOf(soft.leader)}, {"term", term}});
  } else if (soft.role == Role::kFollower) {
    log_.Info("Nobody leads the group", {{"term", term}});
  }
}

void Driver::LeadIfCaughtUp() {
  if (leads_ || core_->role() != Role::kLeader || applied_ < caught_up_at_ || ending_) return;
  leads_ = true;
  const LeaderEpoch epoch(core_->term().value());
  log_.Info("Leads the group", {{"term", std::to_string(epoch.value())}});
  table_.SetLeader(core_->id(), true);
  proposals_.Lead(epoch);
  state_->OnLeader(epoch, CommitIndex());
  AnnounceAddress();
  SnapshotIfDue();
}

// The group still has the one that this member had before its restart, or that another make had
// with this log; who joins now would look for the leader there.
void Driver::AnnounceAddress() {
  const auto known = membership_.members.find(self_.raft_id());
  const bool changed = known != membership_.members.end() && known->second.addr() != self_.addr();
  if (!changed || self_.addr().empty()) return;
  log_.Info("Tells the group its address",
            {{"address", self_.addr()}, {"before", known->second.addr()}});
  Change(ConfChangeType::kUpdate, self_, [log = log_](const Status& outcome) {
    if (!outcome.ok()) log.Warn("The group keeps the old address", {{"error", outcome.message()}});
  });
}

// Before any entry of the next leader is applied.
void Driver::StepDown() {
  if (handed_over_) std::exchange(handed_over_, nullptr)();
  for (PendingChange& change : std::exchange(changes_, {})) {
    change.deadline.reset();
    if (change.done) change.done(store_errors::Make(store_errors::kLostLeader));
  }
  if (!std::exchange(leads_, false)) return;
  next_asking_.insert(next_asking_.end(), std::make_move_iterator(asking_.begin()),
                      std::make_move_iterator(asking_.end()));
  asking_.clear();
  for (auto& done : std::exchange(next_asking_, {}))
    done(store_errors::Make(store_errors::kLostLeader));
  log_.Info("No longer leads the group");
  own_.clear();
  proposals_.Resign();
  state_->OnFollower();
  table_.SetLeader(kNobody, false);
  ScheduleTick();
}

void Driver::ConfirmLeadership(Function<void(Status)> done) {
  On(loop_, [done = std::move(done)](Driver& driver) mutable {
    if (!driver.leads_) return done(store_errors::Make(store_errors::kLostLeader));
    driver.next_asking_.push_back(std::move(done));
    driver.Turn();
  });
}

// One round at a time: what comes up during it shares the next. True: the core has work.
bool Driver::AskWhoLeads() {
  if (!leads_) return false;
  if (core_->confirmed_round() >= round_) {
    for (auto& done : std::exchange(asking_, {})) done(Status::Ok());
  }
  if (!asking_.empty() || next_asking_.empty()) return false;
  asking_.swap(next_asking_);
  return core_->ConfirmLeadership(++round_);
}

Result<ProposalEpoch> Driver::OpenEpoch(LeaderEpoch leadership) {
  return proposals_.OpenEpoch(leadership);
}

void Driver::Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) {
  if (!proposals_.Add(epoch, sequence, std::move(changes))) return;
  On(loop_, [](Driver& driver) { driver.TakeProposals(); });
}

// Posts itself, so that others have a turn on the loop.
void Driver::TakeProposals() {
  consensus::Batch batch = proposals_.Take(kMaxBatchBytes);
  if (batch.empty()) return;
  if (!batch.proposals.empty()) ProposeBatch(batch);
  if (batch.refusal) Refuse({*std::move(batch.refusal)});
  On(loop_, [](Driver& driver) { driver.TakeProposals(); });
}

void Driver::ProposeBatch(consensus::Batch& batch) {
  std::vector<Payload> payloads;
  payloads.reserve(batch.proposals.size());
  for (const consensus::Proposal& proposal : batch.proposals) payloads.push_back(WithId(proposal));
  const bool full = retry_ != nullptr;
  const Proposed proposed = leads_ && !full ? core_->Propose(std::move(payloads))
                                            : Proposed{.result = StepResult::kProposalDropped};
  if (proposed.result != StepResult::kOk) {
    const Status why =
        full ? Status(Code::kResourceExhausted, "the disk of the leader's log is full")
             : LostLeader();
    Refuse(proposals_.Refuse(batch, why));
    batch.refusal.reset();
    return;
  }
  Index index = proposed.first;
  for (const consensus::Proposal& proposal : batch.proposals) {
    own_.push_back({index, proposal.epoch, proposal.sequence});
    index = index + 1;
  }
  Turn();
}

void Driver::RefuseQueued(const Status& why) { Refuse(proposals_.Refuse({}, why)); }

void Driver::Refuse(std::vector<consensus::Refusal> refusals) {
  if (!leads_) return;  // OnFollower has said it
  for (consensus::Refusal& refusal : refusals) {
    state_->OnRefused(refusal.epoch, refusal.first, std::move(refusal.why));
  }
}

}  // namespace swarm::raft
