// Internet addresses as numbers, to count through.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace swarm::allocator {

__extension__ using Bits = unsigned __int128;

struct Address {
  bool six = false;  // IPv6
  Bits value = 0;

  friend bool operator==(const Address&, const Address&) = default;
};

// All addresses that begin with the first `prefix` bits of `base`, whose other bits are zero.
struct Subnet {
  Address base;
  int prefix = 0;

  int width() const { return base.six ? 128 : 32; }
  // Number of its last address, counted from base. (Its size may not fit.)
  Bits last() const;
  bool Contains(const Address& address) const;
  bool Overlaps(const Subnet& other) const;
  friend bool operator==(const Subnet&, const Subnet&) = default;
};

// "10.0.0.1", "2001:db8::1".
std::optional<Address> ParseAddress(std::string_view text);
// "10.0.0.0/8"; bits behind the prefix are dropped.
std::optional<Subnet> ParseSubnet(std::string_view text);
// The address of "10.0.0.5/8" or "10.0.0.5".
std::optional<Address> ParseEither(std::string_view text);

std::string ToText(const Address& address);
std::string ToText(const Subnet& subnet);
// "10.0.0.5/8": an address and the size of its subnet.
std::string ToText(const Address& address, const Subnet& subnet);

}  // namespace swarm::allocator
