// IP networks in the notation of CIDR, as flags name them.
#pragma once

#include <array>
#include <string>

#include "swarm/status.h"

namespace swarm::ctl {

struct Cidr {
  bool v6 = false;
  std::array<unsigned char, 16> address{};
  int bits = 0;

  bool Contains(const std::string& ip) const;
};

// InvalidArgument "invalid CIDR address: x".
Result<Cidr> ParseCidr(const std::string& text);

}  // namespace swarm::ctl
