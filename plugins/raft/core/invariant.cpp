#include "core/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace swarm::raft {

void InvariantFailed(const char* condition, const char* belief, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: raft: %s does not hold: %s\n", file, line, condition, belief);
  std::abort();
}

}  // namespace swarm::raft
