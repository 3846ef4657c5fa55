#include "base36.h"

#include <algorithm>
#include <vector>

namespace swarm::pki {

std::string ToBase36(std::string_view big_endian, std::size_t width) {
  std::vector<unsigned> number(big_endian.size());
  std::transform(big_endian.begin(), big_endian.end(), number.begin(),
                 [](char c) { return static_cast<unsigned char>(c); });
  std::string digits;
  while (std::any_of(number.begin(), number.end(), [](unsigned n) { return n != 0; })) {
    unsigned rest = 0;
    for (unsigned& byte : number) {
      const unsigned value = rest * 256 + byte;
      byte = value / 36;
      rest = value % 36;
    }
    digits += "0123456789abcdefghijklmnopqrstuvwxyz"[rest];
  }
  if (digits.size() < width) digits.append(width - digits.size(), '0');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::optional<std::string> FromBase36(std::string_view text, std::size_t size) {
  std::vector<unsigned> number(size);
  for (const char c : text) {
    unsigned digit = 36;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'z') digit = static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z') digit = static_cast<unsigned>(c - 'A') + 10;
    if (digit == 36) return std::nullopt;
    for (auto byte = number.rbegin(); byte != number.rend(); ++byte) {
      digit += *byte * 36;
      *byte = digit % 256;
      digit /= 256;
    }
    if (digit != 0) return std::nullopt;
  }
  std::string out;
  for (const unsigned byte : number) out += static_cast<char>(byte);
  return out;
}

}  // namespace swarm::pki
