// Invariants: always on, the belief written beside the condition. What can happen is handled with
// a Status instead.
#pragma once

#include "swarm/export.h"

namespace swarm {

// Prints the place and the belief to standard error and aborts.
[[noreturn]] SWARM_EXPORT void CheckFailed(const char* condition, const char* belief,
                                           const char* file, int line);

}  // namespace swarm

#define SWARM_CHECK(condition, belief) \
  ((condition) ? static_cast<void>(0)  \
               : ::swarm::CheckFailed(#condition, belief, __FILE__, __LINE__))
