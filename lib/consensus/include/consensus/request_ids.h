// Ids of raft requests: the low 48 bits of milliseconds since 1970 times 256, plus one for each.
#pragma once

#include <chrono>
#include <cstdint>

#include "swarm/runtime.h"

namespace swarm::consensus {

class RequestIds {
 public:
  explicit RequestIds(WallTime start) {
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(start.time_since_epoch()).count();
    last_ = (static_cast<std::uint64_t>(milliseconds) & ((1ULL << 40) - 1)) << 8;
  }
  std::uint64_t Next() { return ++last_ & ((1ULL << 48) - 1); }

 private:
  std::uint64_t last_;
};

}  // namespace swarm::consensus
