#include "swarm/ids.h"

#include <array>
#include <cstddef>

#include "swarm/runtime.h"

namespace swarm {

std::string NewId(Random& random) {
  // 17 random bytes with the top bit set, as a big-endian number in base 36: always 27 digits, of
  // which the first is dropped and the next 25 kept.
  std::array<std::byte, 17> bytes;
  random.Fill(bytes);
  bytes[0] |= std::byte{0x80};
  std::array<char, 27> digits;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    unsigned remainder = 0;
    for (std::byte& b : bytes) {
      const unsigned value = remainder << 8 | std::to_integer<unsigned>(b);
      b = static_cast<std::byte>(value / 36);
      remainder = value % 36;
    }
    *digit = "0123456789abcdefghijklmnopqrstuvwxyz"[remainder];
  }
  return std::string(digits.data() + 1, 25);
}

}  // namespace swarm
