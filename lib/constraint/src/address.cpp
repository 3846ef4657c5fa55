#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "constraint/constraint.h"

namespace swarm::constraint {
namespace {

constexpr int kMappedBits = 96;  // ::ffff:0:0/96 holds the IPv4 addresses

bool IsMapped(const Subnet& s) {
  return s.length == 16 && s.prefix_bits >= kMappedBits &&
         std::all_of(s.bytes.begin(), s.bytes.begin() + 10, [](auto b) { return b == 0; }) &&
         s.bytes[10] == 0xff && s.bytes[11] == 0xff;
}

void Unmap(Subnet& s) {
  std::copy(s.bytes.begin() + 12, s.bytes.end(), s.bytes.begin());
  std::fill(s.bytes.begin() + 4, s.bytes.end(), std::uint8_t{0});
  s.length = 4;
  s.prefix_bits -= kMappedBits;
}

std::optional<Subnet> ParseRaw(std::string_view text) {
  const std::string copy(text);
  Subnet out;
  if (inet_pton(AF_INET, copy.c_str(), out.bytes.data()) == 1) {
    out.length = 4;
  } else if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) {
    out.length = 16;
  } else {
    return std::nullopt;
  }
  out.prefix_bits = out.length * 8;
  return out;
}

}  // namespace

std::optional<Subnet> ParseAddress(std::string_view text) {
  auto out = ParseRaw(text);
  if (out && IsMapped(*out)) Unmap(*out);
  return out;
}

std::optional<Subnet> ParseSubnet(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto out = ParseRaw(text.substr(0, slash));
  const std::string_view bits = text.substr(slash + 1);
  int count = 0;
  const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), count);
  if (!out || bits.empty() || bits.front() == '-' || error != std::errc{} ||
      end != bits.data() + bits.size() || count > out->length * 8) {
    return std::nullopt;
  }
  out->prefix_bits = count;
  if (IsMapped(*out)) Unmap(*out);
  return out;
}

bool Subnet::Contains(const Subnet& address) const {
  if (length != address.length || address.prefix_bits < prefix_bits) return false;
  const auto whole = static_cast<std::size_t>(prefix_bits / 8);
  for (std::size_t i = 0; i < whole; ++i) {
    if (bytes[i] != address.bytes[i]) return false;
  }
  const int rest = prefix_bits % 8;
  if (rest == 0) return true;
  const int mask = (0xff << (8 - rest)) & 0xff;
  return (bytes[whole] & mask) == (address.bytes[whole] & mask);
}

}  // namespace swarm::constraint
