#include "swarm/check.h"

#include <cstdio>
#include <cstdlib>

namespace swarm {

void CheckFailed(const char* condition, const char* belief, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s (%s)\n", file, line, belief, condition);
  std::abort();
}

}  // namespace swarm
