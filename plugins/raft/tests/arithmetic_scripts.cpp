#include "arithmetic_scripts.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

#include "describe.h"

namespace swarm::raft::testing {
namespace {

MemberSet Members(const Directive& directive, std::string_view key) {
  MemberSet members;
  for (const std::uint64_t id : directive.NumberList(key)) members.Insert(RaftId(id));
  return members;
}

// The members in the order named, with what the script says of each; without an entry if `_`.
std::map<RaftId, std::string> PerMember(const Directive& directive, std::string_view key) {
  std::vector<std::uint64_t> ids = directive.NumberList("cfg");
  for (const std::uint64_t id : directive.NumberList("cfgj")) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  std::map<RaftId, std::string> out;
  const Argument* values = directive.Find(key);
  for (std::size_t i = 0; values && i < ids.size() && i < values->values.size(); ++i) {
    if (values->values[i] != "_") out[RaftId(ids[i])] = values->values[i];
  }
  return out;
}

// A bar for each member, as long as the number of members it is ahead of; of members that are
// equal only the first has one.
std::string Chart(const MemberSet& members, const std::map<RaftId, Index>& acknowledged) {
  if (members.empty()) return "<empty majority quorum>";
  const std::size_t n = members.size();
  const auto index_of = [&](RaftId id) {
    const auto at = acknowledged.find(id);
    return at == acknowledged.end() ? Index() : at->second;
  };
  std::string out = std::string(n, ' ') + "    idx\n";
  for (const RaftId id : members) {
    std::size_t bar = 0;
    bool first = true;
    for (const RaftId other : members) {
      if (index_of(other) < index_of(id)) ++bar;
      if (other < id && index_of(other) == index_of(id)) first = false;
    }
    if (!first) bar = 0;
    out += acknowledged.contains(id) ? std::string(bar, 'x') + ">" + std::string(n - bar, ' ')
                                     : "?" + std::string(n, ' ');
    char line[64];
    std::snprintf(line, sizeof(line), " %5llu    (id=%llu)\n",
                  static_cast<unsigned long long>(index_of(id).value()),
                  static_cast<unsigned long long>(id.value()));
    out += line;
  }
  return out;
}

std::string Name(VoteResult result) {
  switch (result) {
    case VoteResult::kPending:
      return "VotePending";
    case VoteResult::kLost:
      return "VoteLost";
    case VoteResult::kWon:
      return "VoteWon";
  }
  return "unknown";
}

std::string Committed(const Directive& directive) {
  const JointVoters voters{Members(directive, "cfg"), Members(directive, "cfgj")};
  std::map<RaftId, Index> acknowledged;
  for (const auto& [id, text] : PerMember(directive, "idx"))
    acknowledged[id] = Index(std::stoull(text));
  const auto lookup = [&](RaftId id) {
    const auto at = acknowledged.find(id);
    return at == acknowledged.end() ? Index() : at->second;
  };
  const Index index = voters.Acknowledged(lookup);
  const Index swapped = JointVoters{voters.outgoing, voters.incoming}.Acknowledged(lookup);
  std::string out = Chart(voters.All(), acknowledged);
  out += index == kNoLimit ? "∞" : std::to_string(index.value());
  if (swapped != index) out += " <-- via symmetry: " + std::to_string(swapped.value());
  return out + "\n";
}

std::string Vote(const Directive& directive) {
  const JointVoters voters{Members(directive, "cfg"), Members(directive, "cfgj")};
  const std::map<RaftId, std::string> votes = PerMember(directive, "votes");
  const auto lookup = [&](RaftId id) -> std::optional<bool> {
    const auto at = votes.find(id);
    if (at == votes.end()) return std::nullopt;
    return at->second == "y";
  };
  const VoteResult result = voters.Count(lookup);
  const VoteResult swapped = JointVoters{voters.outgoing, voters.incoming}.Count(lookup);
  if (swapped != result) return Name(result) + " <-- via symmetry: " + Name(swapped) + "\n";
  return Name(result) + "\n";
}

}  // namespace

bool ArithmeticScript::Knows(const std::string& command) {
  return command == "committed" || command == "vote" || command == "simple" ||
         command == "enter-joint" || command == "leave-joint";
}

std::string ArithmeticScript::Run(const Directive& directive) {
  if (directive.command == "committed") return Committed(directive);
  if (directive.command == "vote") return Vote(directive);
  std::string out = Change(directive);
  last_ = last_ + 1;
  return out;
}

std::string ArithmeticScript::Change(const Directive& directive) {
  const std::vector<ConfChangeStep> steps = ParseSteps(directive.input);
  Group::Error error;
  if (directive.command == "simple") {
    error = group_.Simple(steps, last_);
  } else if (directive.command == "enter-joint") {
    error = group_.EnterJoint(directive.Flag("autoleave"), steps, last_);
  } else if (!steps.empty()) {
    error = "this command takes no input";
  } else {
    error = group_.LeaveJoint();
  }
  if (error) return *error + "\n";
  std::string out = Describe(group_.configuration()) + "\n";
  for (const auto& [id, progress] : group_.members())
    out += std::to_string(id.value()) + ": " + Describe(progress) + "\n";
  return out;
}

std::vector<ConfChangeStep> ParseSteps(const std::vector<std::string>& lines) {
  std::vector<ConfChangeStep> steps;
  for (const std::string& line : lines) {
    std::istringstream in(line);
    for (std::string word; in >> word;) {
      ConfChangeStep step;
      switch (word.front()) {
        case 'l':
          step.type = ConfChangeType::kAddLearner;
          break;
        case 'r':
          step.type = ConfChangeType::kRemove;
          break;
        case 'u':
          step.type = ConfChangeType::kUpdate;
          break;
        default:
          step.type = ConfChangeType::kAddVoter;
          break;
      }
      step.member = RaftId(std::stoull(word.substr(1)));
      steps.push_back(step);
    }
  }
  return steps;
}

}  // namespace swarm::raft::testing
