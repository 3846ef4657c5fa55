// Scripts without a cluster: the arithmetic of majorities, and how a group's configuration changes.
#pragma once

#include <string>

#include "core/group.h"
#include "script.h"

namespace swarm::raft::testing {

class ArithmeticScript {
 public:
  // Whether the command is one of these.
  static bool Knows(const std::string& command);
  std::string Run(const Directive& directive);

 private:
  std::string Change(const Directive& directive);

  Group group_{Inflights(10, 0)};
  Index last_;  // grows with every command
};

// `v1 l2 r3 u4`: voter, learner, removal, update.
std::vector<ConfChangeStep> ParseSteps(const std::vector<std::string>& lines);

}  // namespace swarm::raft::testing
