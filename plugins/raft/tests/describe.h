// How scripts write what a core says.
#pragma once

#include <string>
#include <vector>

#include "core/raft.h"

namespace swarm::raft::testing {

// Where a message of a script goes that is not for a peer: the owner's two workers.
inline constexpr RaftId kAppendThread{~std::uint64_t{0}};
inline constexpr RaftId kApplyThread{~std::uint64_t{0} - 1};

// A message as scripts know it: a peer's, or work for the owner's workers and their word that it
// is done, which the core itself has other means for.
struct ScriptMessage {
  std::string type;
  Message message;  // its type counts only for a peer's
  RaftId vote;
  std::vector<ScriptMessage> responses;
  WriteMark mark;  // in a worker's answer

  bool for_worker() const { return message.to == kAppendThread || message.to == kApplyThread; }
  // Not a peer's, so it cannot get lost.
  bool local() const {
    return message.from == message.to || for_worker() || message.from == kAppendThread ||
           message.from == kApplyThread;
  }
};

ScriptMessage FromPeer(Message message);
std::string TypeName(MessageType type);
std::string Describe(const Entry& entry);
std::string Describe(const std::vector<Entry>& entries);  // a line each
std::string Describe(const Snapshot& snapshot);
std::string Describe(const ScriptMessage& message, const std::string& indent = "");
std::string Describe(const Progress& progress);
std::string Describe(const MemberSet& members, const char* open, const char* close);
std::string Describe(const Configuration& configuration);
std::string RoleName(Role role);
std::string Describe(const Ready& ready, const std::vector<ScriptMessage>& messages);

}  // namespace swarm::raft::testing
