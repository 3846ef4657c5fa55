#include "describe.h"

#include <cstdio>
#include <sstream>

namespace swarm::raft::testing {
namespace {

std::string Hex(std::uint64_t value) {
  std::ostringstream out;
  out << std::hex << value;
  return out.str();
}

std::string Target(RaftId id) {
  if (id == kNobody) return "None";
  if (id == kAppendThread) return "AppendThread";
  if (id == kApplyThread) return "ApplyThread";
  return Hex(id.value());
}

std::string Quote(const Payload& payload) {
  std::string out = "\"";
  for (const char c : payload ? *payload : std::string()) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\x%02x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string Steps(const Entry& entry) {
  constexpr char kLetters[] = {'v', 'r', 'u', 'l'};
  const std::optional<ConfChangeV2> change = DecodeConfChange(entry);
  if (!change) return " undecodable";
  std::string out;
  for (const ConfChangeStep& step : change->steps) {
    out += ' ';
    out += kLetters[static_cast<std::size_t>(step.type) % 4];
    out += std::to_string(step.member.value());
  }
  return out;
}

std::string Brackets(const std::vector<RaftId>& members) {
  return Describe(MemberSet(members), "[", "]");
}

}  // namespace

ScriptMessage FromPeer(Message message) {
  ScriptMessage out;
  out.type = TypeName(message.type);
  out.message = std::move(message);
  return out;
}

std::string TypeName(MessageType type) {
  switch (type) {
    case MessageType::kProposal:
      return "MsgProp";
    case MessageType::kAppend:
      return "MsgApp";
    case MessageType::kAppendResponse:
      return "MsgAppResp";
    case MessageType::kVote:
      return "MsgVote";
    case MessageType::kVoteResponse:
      return "MsgVoteResp";
    case MessageType::kSnapshot:
      return "MsgSnap";
    case MessageType::kHeartbeat:
      return "MsgHeartbeat";
    case MessageType::kHeartbeatResponse:
      return "MsgHeartbeatResp";
    case MessageType::kTransferLeader:
      return "MsgTransferLeader";
    case MessageType::kTimeoutNow:
      return "MsgTimeoutNow";
    case MessageType::kPreVote:
      return "MsgPreVote";
    case MessageType::kPreVoteResponse:
      return "MsgPreVoteResp";
  }
  return "unknown";
}

std::string RoleName(Role role) {
  switch (role) {
    case Role::kFollower:
      return "StateFollower";
    case Role::kPreCandidate:
      return "StatePreCandidate";
    case Role::kCandidate:
      return "StateCandidate";
    case Role::kLeader:
      return "StateLeader";
  }
  return "unknown";
}

std::string Describe(const Entry& entry) {
  std::ostringstream out;
  out << entry.term << '/' << entry.index << ' ';
  switch (entry.type) {
    case EntryType::kNormal:
      out << "EntryNormal " << Quote(entry.data);
      break;
    case EntryType::kConfChange:
      out << "EntryConfChange" << Steps(entry);
      break;
    case EntryType::kConfChangeV2:
      out << "EntryConfChangeV2" << Steps(entry);
      break;
  }
  return out.str();
}

std::string Describe(const std::vector<Entry>& entries) {
  std::string out;
  for (const Entry& entry : entries) out += Describe(entry) + "\n";
  return out;
}

std::string Describe(const MemberSet& members, const char* open, const char* close) {
  std::string out = open;
  for (const RaftId id : members) {
    if (out.size() > 1) out += ' ';
    out += std::to_string(id.value());
  }
  return out + close;
}

std::string Describe(const Snapshot& snapshot) {
  const ConfState& state = snapshot.conf_state;
  std::ostringstream out;
  out << "Index:" << snapshot.position.index << " Term:" << snapshot.position.term
      << " ConfState:Voters:" << Brackets(state.voters)
      << " VotersOutgoing:" << Brackets(state.voters_outgoing)
      << " Learners:" << Brackets(state.learners)
      << " LearnersNext:" << Brackets(state.learners_next)
      << " AutoLeave:" << (state.auto_leave ? "true" : "false");
  return out.str();
}

std::string Describe(const ScriptMessage& full, const std::string& indent) {
  const Message& message = full.message;
  std::ostringstream out;
  out << indent << Target(message.from) << "->" << Target(message.to) << ' ' << full.type
      << " Term:" << message.term << " Log:" << message.log_term << '/' << message.index;
  if (message.reject) out << " Rejected (Hint: " << message.reject_hint << ')';
  if (message.commit != Index()) out << " Commit:" << message.commit;
  if (full.vote != kNobody) out << " Vote:" << full.vote;
  if (message.entries.size() == 1) {
    out << " Entries:[" << Describe(message.entries.front()) << ']';
  } else if (!message.entries.empty()) {
    out << " Entries:[";
    for (const Entry& entry : message.entries) out << '\n' << indent << "  " << Describe(entry);
    out << '\n' << indent << ']';
  }
  if (message.snapshot) out << '\n' << indent << "  Snapshot: " << Describe(*message.snapshot);
  if (!full.responses.empty()) {
    out << " Responses:[";
    for (const ScriptMessage& response : full.responses)
      out << '\n' << Describe(response, indent + "  ");
    out << '\n' << indent << ']';
  }
  return out.str();
}

std::string Describe(const Progress& progress) {
  std::ostringstream out;
  switch (progress.state()) {
    case ProgressState::kProbe:
      out << "StateProbe";
      break;
    case ProgressState::kReplicate:
      out << "StateReplicate";
      break;
    case ProgressState::kSnapshot:
      out << "StateSnapshot";
      break;
  }
  out << " match=" << progress.match() << " next=" << progress.next();
  if (progress.learner()) out << " learner";
  if (progress.paused()) out << " paused";
  if (progress.pending_snapshot() > Index()) out << " pendingSnap=" << progress.pending_snapshot();
  if (!progress.recently_active()) out << " inactive";
  if (progress.window().count() > 0) {
    out << " inflight=" << progress.window().count();
    if (progress.window().full()) out << "[full]";
  }
  return out.str();
}

std::string Describe(const Configuration& configuration) {
  std::string out = "voters=" + Describe(configuration.voters.incoming, "(", ")");
  if (configuration.voters.joint()) out += "&&" + Describe(configuration.voters.outgoing, "(", ")");
  if (!configuration.learners.empty())
    out += " learners=" + Describe(configuration.learners, "(", ")");
  if (!configuration.learners_next.empty())
    out += " learners_next=" + Describe(configuration.learners_next, "(", ")");
  if (configuration.auto_leave) out += " autoleave";
  return out;
}

std::string Describe(const Ready& ready, const std::vector<ScriptMessage>& messages) {
  std::ostringstream out;
  if (ready.soft_state) {
    out << "Lead:" << ready.soft_state->leader << " State:" << RoleName(ready.soft_state->role)
        << '\n';
  }
  if (!ready.hard_state.empty()) {
    out << "HardState Term:" << ready.hard_state.term;
    if (ready.hard_state.vote != kNobody) out << " Vote:" << ready.hard_state.vote;
    out << " Commit:" << ready.hard_state.commit << '\n';
  }
  if (!ready.entries.empty()) out << "Entries:\n" << Describe(ready.entries);
  if (ready.snapshot) out << "Snapshot " << Describe(*ready.snapshot) << '\n';
  if (!ready.committed.empty()) out << "CommittedEntries:\n" << Describe(ready.committed);
  if (!messages.empty()) {
    out << "Messages:\n";
    for (const ScriptMessage& message : messages) out << Describe(message) << '\n';
  }
  if (out.str().empty()) return "<empty Ready>\n";
  return std::string("Ready MustSync=") + (ready.must_sync ? "true" : "false") + ":\n" + out.str();
}

}  // namespace swarm::raft::testing
