// Standing for election, voting, winning.
#include <algorithm>

#include "core/invariant.h"
#include "core/raft.h"

namespace swarm::raft {

bool Raft::Promotable() const {
  const Progress* self = group_.Find(id());
  return self && !self->learner() && !log_.unstable().snapshot();
}

bool Raft::HasUnappliedConfChange() const {
  constexpr std::uint64_t kPage = 1 << 20;
  for (Index at = log_.applied() + 1; at <= log_.committed();) {
    const std::vector<Entry> entries = log_.Read(at, log_.committed() + 1, kPage);
    if (entries.empty()) return true;  // compacted before it was applied: cannot tell
    if (std::any_of(entries.begin(), entries.end(), IsConfChange)) return true;
    at = entries.back().index + 1;
  }
  return false;
}

void Raft::Campaign() { Stand(options_.pre_vote ? CampaignKind::kPreVote : CampaignKind::kVote); }

void Raft::Stand(CampaignKind kind) {
  if (!fault_.empty() || role_ == Role::kLeader || !Promotable()) return;
  // Who may vote is about to change: an election by the old rule could make a second leader.
  if (HasUnappliedConfChange()) return;
  StartCampaign(kind);
}

void Raft::StartCampaign(CampaignKind kind) {
  const bool pre_vote = kind == CampaignKind::kPreVote;
  if (pre_vote) {
    // Term and vote stay: nothing was decided.
    votes_.clear();
    leader_ = kNobody;
    role_ = Role::kPreCandidate;
  } else {
    Reset(term_ + 1);
    vote_ = id();
    role_ = Role::kCandidate;
    ++ties_;
  }
  const Term asked = pre_vote ? term_ + 1 : term_;
  const Position last = log_.Last();
  for (const RaftId voter : configuration().voters.All()) {
    if (voter == id()) {
      // Its own vote counts once it is written.
      Send({.type = pre_vote ? MessageType::kPreVoteResponse : MessageType::kVoteResponse,
            .to = voter,
            .term = asked});
      continue;
    }
    Message request{.type = pre_vote ? MessageType::kPreVote : MessageType::kVote,
                    .to = voter,
                    .term = asked,
                    .log_term = last.term,
                    .index = last.index};
    if (kind == CampaignKind::kTransfer) request.context = kCampaignTransfer;
    Send(std::move(request));
  }
}

void Raft::AnswerVote(const Message& message) {
  const bool pre_vote = message.type == MessageType::kPreVote;
  const bool nobody_leads = leader_ == kNobody || options_.variant.rules_2021();
  const bool free = vote_ == message.from || (vote_ == kNobody && nobody_leads) ||
                    (pre_vote && message.term > term_) || options_.variant.has(Fault::kForgetsVote);
  const bool complete = log_.IsUpToDate({message.index, message.log_term}) ||
                        options_.variant.has(Fault::kIgnoresCandidatesLog);
  const bool granted = free && complete;
  Send({.type = pre_vote ? MessageType::kPreVoteResponse : MessageType::kVoteResponse,
        .to = message.from,
        .term = granted ? message.term : term_,
        .reject = !granted});
  if (pre_vote) return;
  if (granted) {
    election_elapsed_ = 0;
    vote_ = message.from;
    ties_ = 0;  // whoever was given the vote gets the time to use it
  } else if (leader_ == kNobody) {
    ties_ = std::max(ties_, 1);
  }
}

void Raft::CountVote(const Message& message) {
  const bool pre_vote = role_ == Role::kPreCandidate;
  const MessageType expected =
      pre_vote ? MessageType::kPreVoteResponse : MessageType::kVoteResponse;
  if (role_ == Role::kFollower || message.type != expected) return;
  votes_.emplace(message.from, !message.reject);  // the first answer counts
  const VoteResult result =
      configuration().voters.Count([this](RaftId voter) -> std::optional<bool> {
        const auto at = votes_.find(voter);
        if (at == votes_.end()) return std::nullopt;
        return at->second;
      });
  switch (result) {
    case VoteResult::kWon:
      if (pre_vote) {
        StartCampaign(CampaignKind::kVote);
      } else if (votes_.contains(id()) || options_.variant.has(Fault::kLeadsBeforeWritten)) {
        BecomeLeader();
        Broadcast();
      }
      // Until its own vote is written, a crash would make it forget the term, and the same voters
      // elect it in that term again: with other entries at the same places.
      break;
    case VoteResult::kLost:
      BecomeFollower(term_, kNobody);
      break;
    case VoteResult::kPending:
      break;
  }
}

void Raft::BecomeLeader() {
  Reset(term_);
  leader_ = id();
  role_ = Role::kLeader;
  ties_ = 0;
  Progress* self = group_.Find(id());
  RAFT_INVARIANT(self, "only members are elected");
  self->BecomeReplicate();
  self->set_recently_active(true);
  // Some entry of the log may be a conf change that is not applied yet: wait for all of them.
  pending_conf_index_ = log_.LastIndex();
  if (options_.variant.rules_2021()) {
    const std::vector<Entry> tail = log_.Read(log_.committed() + 1, kUnlimited);
    const auto change = std::find_if(tail.rbegin(), tail.rend(), IsConfChange);
    pending_conf_index_ = change == tail.rend() ? Index() : change->index;
  }
  // Commits what earlier leaders left: their entries only count together with one of this term.
  const bool taken = AppendEntries({Entry{}});
  RAFT_INVARIANT(taken, "an empty entry fits always");
}

}  // namespace swarm::raft
