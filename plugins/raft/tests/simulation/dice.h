// The one source of chance of a simulation: what follows depends on its seed alone.
#pragma once

#include <cstdint>

namespace swarm::raft::testing {

// splitmix64 (Vigna).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  // In [0, bound); bound > 0. The bias is far below what a simulation could notice.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  bool Percent(std::uint64_t chance) { return Below(100) < chance; }
  bool PerMille(std::uint64_t chance) { return Below(1000) < chance; }

 private:
  std::uint64_t state_;
};

}  // namespace swarm::raft::testing
