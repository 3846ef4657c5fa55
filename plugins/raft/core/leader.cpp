// Replication as the leader sees it.
#include <algorithm>
#include <string>
#include <string_view>

#include "core/raft.h"

namespace swarm::raft {
namespace {

// A heartbeat's context, which every make of peer sends back as it came. 0: none.
std::string RoundContext(std::uint64_t round) {
  std::string context;
  for (; round != 0; round >>= 8U) context.push_back(static_cast<char>(round & 0xffU));
  return context;
}

std::uint64_t RoundOf(std::string_view context) {
  if (context.size() > sizeof(std::uint64_t)) return 0;
  std::uint64_t round = 0;
  for (std::size_t i = context.size(); i-- > 0;)
    round = round << 8U | static_cast<unsigned char>(context[i]);
  return round;
}

}  // namespace

void Raft::Broadcast() {
  for (const auto& [member, progress] : group_.members()) {
    if (member != id()) SendAppend(member);
  }
}

bool Raft::MaybeSendAppend(RaftId to, bool even_if_empty) {
  Progress* progress = group_.Find(to);
  if (!progress || progress->paused()) return false;
  const Index before = progress->next() - 1;
  const std::optional<Term> term = log_.TermAt(before);
  if (!term || progress->next() < log_.FirstIndex()) return SendSnapshot(to, *progress);

  // Through a full window only empty appends: one is answered even if all in the window are lost.
  const bool full = progress->state() == ProgressState::kReplicate && progress->window().full();
  std::vector<Entry> entries;
  if (!full) entries = log_.Read(progress->next(), options_.max_append_bytes);
  if (entries.empty() && !even_if_empty) return false;

  std::uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += PayloadBytes(entry);
  progress->SentEntries(entries.size(), bytes);
  progress->SentCommit(log_.committed());
  Send({.type = MessageType::kAppend,
        .to = to,
        .log_term = *term,
        .index = before,
        .commit = log_.committed(),
        .entries = std::move(entries)});
  return true;
}

bool Raft::SendSnapshot(RaftId to, Progress& progress) {
  // Too much work for one that does not answer.
  if (!progress.recently_active()) return false;
  SnapshotRef snapshot = log_.LatestSnapshot();
  if (!snapshot) return false;
  progress.BecomeSnapshot(snapshot->position.index);
  const bool current = options_.current_members_in_snapshots && !options_.variant.rules_2021() &&
                       !configuration().voters.joint();
  if (current && snapshot->conf_state != configuration().ToState()) {
    Snapshot patched = *snapshot;
    patched.conf_state = configuration().ToState();
    snapshot = std::make_shared<const Snapshot>(std::move(patched));
  }
  Send({.type = MessageType::kSnapshot, .to = to, .snapshot = std::move(snapshot)});
  return true;
}

void Raft::SendHeartbeats() {
  for (auto& [member, progress] : group_.members()) {
    if (member == id()) continue;
    // No more than the member is known to have: it would take it for proof of a lost log.
    const Index commit = std::min(progress.match(), log_.committed());
    progress.SentCommit(commit);
    Send({.type = MessageType::kHeartbeat,
          .to = member,
          .commit = commit,
          .context = RoundContext(asked_round_ > confirmed_round_ ? asked_round_ : 0)});
  }
}

bool Raft::ConfirmLeadership(std::uint64_t round) {
  if (!fault_.empty() || role_ != Role::kLeader) return false;
  asked_round_ = round;
  UpdateConfirmed();  // alone it has its majority
  if (options_.variant.has(Fault::kTrustsItsLeadership)) confirmed_round_ = round;
  if (confirmed_round_ < round) SendHeartbeats();
  return true;
}

void Raft::CountConfirmation(const Message& message, Progress& progress) {
  const std::uint64_t round = RoundOf(message.context);
  // Nobody confirms what was not asked.
  if (round == 0 || round > asked_round_) return;
  progress.Confirmed(round);
  UpdateConfirmed();
}

void Raft::UpdateConfirmed() {
  const Index round = configuration().voters.Acknowledged([this](RaftId voter) {
    if (voter == id()) return Index(asked_round_);
    const Progress* progress = group_.Find(voter);
    return progress ? Index(progress->confirmed_round()) : Index();
  });
  confirmed_round_ = std::max(confirmed_round_, std::min(round.value(), asked_round_));
}

void Raft::HandleAppendResponse(const Message& message, Progress& progress) {
  progress.set_recently_active(true);
  if (message.reject) {
    HandleRejection(message, progress);
  } else {
    HandleMatch(message, progress);
  }
}

void Raft::HandleRejection(const Message& message, Progress& progress) {
  const bool rules_2021 = options_.variant.rules_2021();
  Index hint = message.reject_hint;
  // Members of 2021 name no term: their hint is taken as it is.
  if (message.log_term > Term() && !rules_2021)
    hint = log_.FindMeeting(hint, message.log_term).index;
  const Index floor = rules_2021 ? Index(1) : progress.match() + 1;
  if (!progress.Rejected(message.index, hint, floor)) return;
  if (progress.state() == ProgressState::kReplicate) progress.BecomeProbe();
  SendAppend(message.from);
}

// False: nothing new.
bool Raft::UpdateProgress(Progress& progress, Index index) {
  const bool news = progress.Matched(index);
  const bool found = progress.state() == ProgressState::kProbe && progress.match() == index &&
                     !options_.variant.rules_2021();
  if (!news && !found) return false;
  switch (progress.state()) {
    case ProgressState::kProbe:
      progress.BecomeReplicate();
      break;
    case ProgressState::kReplicate:
      progress.FreeSentUpTo(index);
      break;
    case ProgressState::kSnapshot:
      if (options_.variant.rules_2021()) {
        if (progress.match() >= progress.pending_snapshot()) progress.BecomeProbe();
      } else if (progress.match() + 1 >= log_.FirstIndex()) {
        // Whatever became of the snapshot, the log reaches.
        progress.BecomeProbe();
        progress.BecomeReplicate();
      }
      break;
  }
  return true;
}

void Raft::HandleMatch(const Message& message, Progress& progress) {
  // No member acknowledges what was never sent to it.
  if (message.index > log_.LastIndex()) return;
  if (!UpdateProgress(progress, message.index)) return;
  const bool other = message.from != id();
  if (MaybeCommit()) {
    Broadcast();
  } else if (other && progress.CanRaiseCommit(log_.committed())) {
    SendAppend(message.from);
  }
  if (!other) return;
  // The answer made room for more than one.
  while (MaybeSendAppend(message.from, false)) {
  }
  if (message.from == transferee_ && progress.match() == log_.LastIndex())
    SendTimeoutNow(message.from);
}

void Raft::HandleHeartbeatResponse(const Message& message, Progress& progress) {
  progress.set_recently_active(true);
  progress.set_flow_paused(false);
  CountConfirmation(message, progress);
  const bool rules_2021 = options_.variant.rules_2021();
  if (rules_2021 && progress.state() == ProgressState::kReplicate && progress.window().full())
    progress.FreeFirstSent();
  const bool probing = progress.state() == ProgressState::kProbe && !rules_2021;
  if (progress.match() < log_.LastIndex() || probing) SendAppend(message.from);
}

void Raft::HandleTransfer(RaftId to) {
  const Progress& progress = *group_.Find(to);
  if (progress.learner() || to == transferee_) return;
  transferee_ = kNobody;
  if (to == id()) return;
  election_elapsed_ = 0;  // it has one election timeout to take over
  transferee_ = to;
  if (progress.match() == log_.LastIndex()) {
    SendTimeoutNow(to);
  } else {
    SendAppend(to);
  }
}

void Raft::SendTimeoutNow(RaftId to) { Send({.type = MessageType::kTimeoutNow, .to = to}); }

bool Raft::MaybeCommit() {
  const Index index = configuration().voters.Acknowledged([this](RaftId voter) {
    const Progress* progress = group_.Find(voter);
    return progress ? progress->match() : Index();
  });
  if (index <= log_.committed() || index > log_.LastIndex()) return false;
  // An entry of an earlier term may be on a majority and still be replaced.
  const bool own_term =
      log_.TermAt(index) == term_ || options_.variant.has(Fault::kCommitsEarlierTerms);
  if (!own_term) return false;
  log_.CommitTo(index);
  return true;
}

bool Raft::QuorumActive() {
  const VoteResult result =
      configuration().voters.Count([this](RaftId voter) -> std::optional<bool> {
        const Progress* progress = group_.Find(voter);
        return voter == id() || (progress && progress->recently_active());
      });
  for (auto& [member, progress] : group_.members()) {
    if (member != id()) progress.set_recently_active(false);
  }
  return result == VoteResult::kWon;
}

}  // namespace swarm::raft
