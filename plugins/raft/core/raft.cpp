// Terms and roles: what a message's term means, who handles it, and how a role begins.
#include "core/raft.h"

#include <algorithm>

#include "core/invariant.h"

namespace swarm::raft {
namespace {

// Elections in a row without a leader after which the next one comes soon. A member that nobody
// elects, say one that was away while the group moved on, must not go on so: with every candidacy
// its term rises, which costs the others their leader, and theirs has to overtake it.
constexpr int kShortTies = 2;

bool IsVoteTraffic(MessageType type) {
  return type == MessageType::kVote || type == MessageType::kVoteResponse ||
         type == MessageType::kPreVote || type == MessageType::kPreVoteResponse;
}

bool IsRequestForVote(MessageType type) {
  return type == MessageType::kVote || type == MessageType::kPreVote;
}

// Only the leader of its term sends it.
bool ComesFromLeader(MessageType type) {
  return type == MessageType::kAppend || type == MessageType::kHeartbeat ||
         type == MessageType::kSnapshot;
}

bool IsKnown(MessageType type) {
  switch (type) {
    case MessageType::kProposal:
    case MessageType::kAppend:
    case MessageType::kAppendResponse:
    case MessageType::kVote:
    case MessageType::kVoteResponse:
    case MessageType::kSnapshot:
    case MessageType::kHeartbeat:
    case MessageType::kHeartbeatResponse:
    case MessageType::kTransferLeader:
    case MessageType::kTimeoutNow:
    case MessageType::kPreVote:
    case MessageType::kPreVoteResponse:
      return true;
  }
  return false;
}

bool IsWellFormed(const Message& message) {
  if (message.type == MessageType::kProposal) return !message.entries.empty();
  // A term of 0 would pass for the member's own word.
  if (message.term == Term()) return false;
  if (message.type == MessageType::kSnapshot)
    return message.snapshot && message.snapshot->position.index > Index();
  Index expected = message.index + 1;
  for (const Entry& entry : message.entries) {
    if (entry.index != expected) return false;
    expected = expected + 1;
  }
  return true;
}

}  // namespace

Raft::Raft(Options options, const Storage& storage, const Saved& saved)
    : options_(std::move(options)),
      log_(storage, options_.max_applying_bytes),
      group_(Inflights(options_.max_inflight_appends, options_.max_inflight_bytes)) {
  RAFT_INVARIANT(options_.id != kNobody, "a member has an id");
  RAFT_INVARIANT(options_.election_ticks > options_.heartbeat_ticks, "heartbeats are in time");
  if (Group::Error error = group_.Restore(saved.conf_state, log_.LastIndex()))
    Break("the configuration that was saved makes no sense: " + *error);
  if (saved.hard_state.commit > log_.LastIndex()) {
    Break("entries up to " + std::to_string(saved.hard_state.commit.value()) +
          " were committed, but the log ends at " + std::to_string(log_.LastIndex().value()));
  } else {
    // What was applied was committed, though that may not have been written.
    log_.CommitTo(std::max(saved.hard_state.commit, saved.applied));
  }
  term_ = saved.hard_state.term;
  vote_ = saved.hard_state.vote;
  if (saved.applied > Index() && fault_.empty()) log_.AppliedTo(saved.applied);
  BecomeFollower(term_, kNobody);
  told_soft_ = soft_state();
  told_hard_ = hard_state();
}

void Raft::Break(std::string why) {
  if (fault_.empty()) fault_ = std::move(why);
}

void Raft::Reset(Term term) {
  if (term_ != term) {
    term_ = term;
    vote_ = kNobody;
  }
  leader_ = kNobody;
  election_elapsed_ = 0;
  heartbeat_elapsed_ = 0;
  DrawElectionTimeout();
  transferee_ = kNobody;
  votes_.clear();
  group_.ResetProgress(id(), log_.LastIndex());
  pending_conf_index_ = Index();
  uncommitted_bytes_ = 0;
  asked_round_ = 0;
  confirmed_round_ = 0;
}

void Raft::DrawElectionTimeout() {
  const auto base = static_cast<std::uint64_t>(options_.election_ticks);
  election_timeout_ = static_cast<int>(base + options_.random(base));
}

void Raft::SetTiming(const Timing& timing) {
  RAFT_INVARIANT(timing.election_ticks > timing.heartbeat_ticks, "heartbeats are in time");
  options_.pre_vote = timing.pre_vote;
  options_.heartbeat_ticks = timing.heartbeat_ticks;
  if (options_.election_ticks == timing.election_ticks) return;
  if (timing.election_ticks < options_.election_ticks) election_elapsed_ = 0;
  options_.election_ticks = timing.election_ticks;
  DrawElectionTimeout();
}

void Raft::BecomeFollower(Term term, RaftId leader) {
  Reset(term);
  leader_ = leader;
  role_ = Role::kFollower;
}

void Raft::Tick() {
  if (!fault_.empty()) return;
  ++election_elapsed_;
  if (role_ == Role::kLeader) {
    TickLeader();
  } else if (Promotable() && election_elapsed_ >= TimeToStand()) {
    election_elapsed_ = 0;
    Campaign();
  }
}

int Raft::TimeToStand() const {
  if (ties_ == 0 || ties_ > kShortTies || !ShortensTies()) return election_timeout_;
  return std::max(election_timeout_ * 3 / 10, 1);
}

// How long a leader that says nothing is held to when another member stands.
int Raft::LeaseTicks() const {
  // A leader counts towards its next look at the majority, not from the last sign of one.
  const bool half = ShortensTies() && role_ != Role::kLeader;
  return half ? options_.election_ticks / 2 : options_.election_ticks;
}

void Raft::TickLeader() {
  ++heartbeat_elapsed_;
  if (election_elapsed_ >= options_.election_ticks) {
    election_elapsed_ = 0;
    if (options_.check_quorum && !QuorumActive()) {
      BecomeFollower(term_, kNobody);
      return;
    }
    // Whoever was to take over has had its time.
    transferee_ = kNobody;
  }
  if (heartbeat_elapsed_ >= options_.heartbeat_ticks) {
    heartbeat_elapsed_ = 0;
    SendHeartbeats();
  }
}

void Raft::Send(Message message) {
  if (message.from == kNobody) message.from = id();
  if (!IsVoteTraffic(message.type) && message.type != MessageType::kProposal) message.term = term_;
  // These promise what must be on disk: an entry, a vote, the term they are said in.
  const bool promises = message.type == MessageType::kAppendResponse ||
                        message.type == MessageType::kVoteResponse ||
                        message.type == MessageType::kPreVoteResponse;
  RAFT_INVARIANT(promises || message.to != id(), "only promises are made to oneself");
  const bool early = options_.variant.has(Fault::kSaysBeforeWritten) && message.to != id();
  (promises && !early ? messages_after_write_ : messages_).push_back(std::move(message));
}

StepResult Raft::Step(Message message) {
  if (!fault_.empty()) return StepResult::kBroken;
  if (!IsKnown(message.type)) return StepResult::kOk;
  if (!IsWellFormed(message)) return StepResult::kMalformed;
  if (IsResponse(message.type) && message.from != id() && !group_.Find(message.from))
    return StepResult::kUnknownPeer;
  if (message.term != Term() && !AcceptTerm(message)) return StepResult::kOk;
  const StepResult result = Dispatch(message);
  return fault_.empty() ? result : StepResult::kBroken;
}

// False: the message ends here.
bool Raft::AcceptTerm(const Message& message) {
  if (message.term < term_) {
    AnswerStale(message);
    return false;
  }
  if (message.term == term_) return true;
  if (IsRequestForVote(message.type)) {
    const bool leased =
        options_.check_quorum && leader_ != kNobody && election_elapsed_ < LeaseTicks();
    if (leased && message.context != kCampaignTransfer) return false;
  }
  // A pre-vote asks about a term that nobody has entered.
  if (message.type == MessageType::kPreVote) return true;
  if (message.type == MessageType::kPreVoteResponse && !message.reject) return true;
  BecomeFollower(message.term, ComesFromLeader(message.type) ? message.from : kNobody);
  return true;
}

void Raft::AnswerStale(const Message& message) {
  const bool leads =
      message.type == MessageType::kAppend || message.type == MessageType::kHeartbeat;
  if (leads && (options_.check_quorum || options_.pre_vote)) {
    // A leader of the past learns the term from this, or the two would ignore each other for ever:
    // its messages are too old for this member, whose votes are refused in its favour.
    Send({.type = MessageType::kAppendResponse, .to = message.from});
  } else if (message.type == MessageType::kPreVote && !options_.variant.rules_2021()) {
    Send(
        {.type = MessageType::kPreVoteResponse, .to = message.from, .term = term_, .reject = true});
  }
}

StepResult Raft::Dispatch(Message& message) {
  if (IsRequestForVote(message.type)) {
    AnswerVote(message);
    return StepResult::kOk;
  }
  if (message.type == MessageType::kProposal)
    return ProposeEntries(std::move(message.entries)).result;
  return role_ == Role::kLeader ? StepLeader(message) : StepOther(message);
}

StepResult Raft::StepLeader(Message& message) {
  Progress* progress = group_.Find(message.from);
  if (!progress) return StepResult::kOk;
  switch (message.type) {
    case MessageType::kAppendResponse:
      HandleAppendResponse(message, *progress);
      break;
    case MessageType::kHeartbeatResponse:
      HandleHeartbeatResponse(message, *progress);
      break;
    case MessageType::kTransferLeader:
      HandleTransfer(message.from);
      break;
    default:
      break;
  }
  return StepResult::kOk;
}

StepResult Raft::StepOther(Message& message) {
  const bool follower = role_ == Role::kFollower;
  switch (message.type) {
    case MessageType::kAppend:
    case MessageType::kHeartbeat:
    case MessageType::kSnapshot:
      if (!follower) BecomeFollower(message.term, message.from);
      election_elapsed_ = 0;
      ties_ = 0;
      leader_ = message.from;
      if (message.type == MessageType::kAppend) HandleAppend(message);
      if (message.type == MessageType::kHeartbeat) HandleHeartbeat(message);
      if (message.type == MessageType::kSnapshot) HandleSnapshot(message);
      break;
    case MessageType::kVoteResponse:
    case MessageType::kPreVoteResponse:
      CountVote(message);
      break;
    case MessageType::kTimeoutNow:
      if (follower) Stand(CampaignKind::kTransfer);
      break;
    case MessageType::kTransferLeader:
      if (follower && leader_ != kNobody) {
        message.to = leader_;
        Send(std::move(message));
      }
      break;
    default:
      break;
  }
  return StepResult::kOk;
}

void Raft::ForgetLeader() {
  if (role_ == Role::kFollower && !options_.lease_reads) leader_ = kNobody;
}

void Raft::TransferLeadership(RaftId to) {
  if (!fault_.empty()) return;
  Message message{.type = MessageType::kTransferLeader, .from = to};
  Dispatch(message);
}

void Raft::ReportUnreachable(RaftId id) {
  Progress* progress = group_.Find(id);
  // Some of what was sent on trust is lost: find out what.
  if (role_ == Role::kLeader && progress && progress->state() == ProgressState::kReplicate)
    progress->BecomeProbe();
}

void Raft::ReportSnapshot(RaftId id, bool arrived) {
  Progress* progress = group_.Find(id);
  if (role_ != Role::kLeader || !progress || progress->state() != ProgressState::kSnapshot) return;
  if (!arrived) progress->ForgetSnapshot();
  progress->BecomeProbe();
  // Its answer, or the next sign of life, starts the appends.
  progress->set_flow_paused(true);
}

}  // namespace swarm::raft
