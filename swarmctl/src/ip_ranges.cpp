#include "ip_ranges.h"

#include <arpa/inet.h>

#include <optional>

#include "flags.h"

namespace swarm::ctl {
namespace {

struct Address {
  bool v6 = false;
  std::array<unsigned char, 16> bytes{};
};

std::optional<Address> ParseIp(const std::string& text) {
  Address out;
  if (inet_pton(AF_INET, text.c_str(), out.bytes.data()) == 1) return out;
  out.v6 = true;
  if (inet_pton(AF_INET6, text.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

}  // namespace

bool Cidr::Contains(const std::string& ip) const {
  const auto other = ParseIp(ip);
  if (!other || other->v6 != v6) return false;
  for (int bit = 0; bit < bits; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if ((address[byte] & mask) != (other->bytes[byte] & mask)) return false;
  }
  return true;
}

Result<Cidr> ParseCidr(const std::string& text) {
  const Status bad(Code::kInvalidArgument, "invalid CIDR address: " + text);
  const auto slash = text.find('/');
  if (slash == std::string::npos) return bad;
  const auto ip = ParseIp(text.substr(0, slash));
  const auto bits = ParseUint(text.substr(slash + 1), 10, 8);
  if (!ip || !bits.ok() || *bits > (ip->v6 ? 128U : 32U)) return bad;
  return Cidr{ip->v6, ip->bytes, static_cast<int>(*bits)};
}

}  // namespace swarm::ctl
