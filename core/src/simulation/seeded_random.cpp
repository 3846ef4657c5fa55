#include "simulation/seeded_random.h"

#include <algorithm>
#include <cstring>

namespace swarm::simulation {

void SeededRandom::Fill(std::span<std::byte> out) noexcept {
  while (!out.empty()) {
    const std::uint64_t word = Next();
    const std::size_t size = std::min(out.size(), sizeof(word));
    std::memcpy(out.data(), &word, size);
    out = out.subspan(size);
  }
}

bool SeededRandom::Chance(double share) noexcept {
  // 53 bits: what a double holds exactly.
  return static_cast<double>(Next() >> 11U) * 0x1p-53 < share;
}

}  // namespace swarm::simulation
