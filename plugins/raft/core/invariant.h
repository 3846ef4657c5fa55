// What no input can break; the belief stands beside the condition. The core links nothing, so it
// has its own.
#pragma once

namespace swarm::raft {

// Prints the place and the belief to standard error and aborts.
[[noreturn]] void InvariantFailed(const char* condition, const char* belief, const char* file,
                                  int line);

}  // namespace swarm::raft

#define RAFT_INVARIANT(condition, belief) \
  ((condition) ? static_cast<void>(0)     \
               : ::swarm::raft::InvariantFailed(#condition, belief, __FILE__, __LINE__))
