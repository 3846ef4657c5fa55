// The Random of a simulation: everything follows from the seed.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/xoshiro.h"
#include "swarm/runtime.h"

namespace swarm::simulation {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : generator_(seed) {}
  std::uint64_t Next() noexcept override { return generator_.Next(); }
  void Fill(std::span<std::byte> out) noexcept override;

  // True once in `one_in` times on average.
  bool OneIn(std::uint64_t one_in) noexcept { return Below(one_in) == 0; }
  // True with probability `share`, from 0 to 1.
  bool Chance(double share) noexcept;

 private:
  runtime::Xoshiro generator_;
};

}  // namespace swarm::simulation
