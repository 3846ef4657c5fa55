#include "address.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace swarm::allocator {
namespace {

constexpr int kByte = 8;

Bits FromBytes(const unsigned char* bytes, int count) {
  Bits value = 0;
  for (int i = 0; i < count; ++i) value = (value << kByte) | bytes[i];
  return value;
}

Bits Mask(const Subnet& subnet) { return ~subnet.last(); }

}  // namespace

Bits Subnet::last() const {
  const int free = width() - prefix;
  return free == 128 ? ~Bits{0} : (Bits{1} << free) - 1;
}

bool Subnet::Contains(const Address& address) const {
  return address.six == base.six && (address.value & Mask(*this)) == base.value;
}

bool Subnet::Overlaps(const Subnet& other) const {
  return Contains(other.base) || other.Contains(base);
}

std::optional<Address> ParseAddress(std::string_view text) {
  const std::string copy(text);
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) {
    return Address{false, FromBytes(bytes.data(), 4)};
  }
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) {
    return Address{true, FromBytes(bytes.data(), 16)};
  }
  return std::nullopt;
}

std::optional<Subnet> ParseSubnet(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto address = ParseAddress(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  if (!address || digits.empty()) return std::nullopt;
  Subnet out{*address, 0};
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out.prefix);
  if (error != std::errc() || end != digits.data() + digits.size() || out.prefix < 0 ||
      out.prefix > out.width()) {
    return std::nullopt;
  }
  out.base.value &= Mask(out);
  return out;
}

std::optional<Address> ParseEither(std::string_view text) {
  return ParseAddress(text.substr(0, text.find('/')));
}

std::string ToText(const Address& address) {
  std::array<unsigned char, 16> bytes{};
  const int count = address.six ? 16 : 4;
  Bits value = address.value;
  for (int i = count - 1; i >= 0; --i, value >>= kByte) {
    bytes[static_cast<std::size_t>(i)] = static_cast<unsigned char>(value & 0xff);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.six ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

std::string ToText(const Subnet& subnet) { return ToText(subnet.base, subnet); }

std::string ToText(const Address& address, const Subnet& subnet) {
  return ToText(address) + "/" + std::to_string(subnet.prefix);
}

}  // namespace swarm::allocator
