// Which address others are told to dial.
#pragma once

#include <string>
#include <vector>

#include "swarm/export.h"

namespace swarm::node {

// An address of this machine, without a port: "192.0.2.7", "2001:db8::7".
struct OwnAddress {
  std::string text;
  bool v6 = false;
};

// Of the interfaces that are up, in the kernel's order. [blocking], briefly.
SWARM_EXPORT std::vector<OwnAddress> OwnAddresses();

// `bound` ("host:port"), or, where that is a wildcard, which nobody can dial, the machine's first
// global address; for a wildcard of both families an IPv4 one if there is any. Loopback and
// link-local addresses are not global; with no other the answer is loopback.
SWARM_EXPORT std::string Dialable(const std::string& bound, const std::vector<OwnAddress>& own);

}  // namespace swarm::node
