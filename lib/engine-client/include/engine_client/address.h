// Where a Docker Engine listens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "swarm/status.h"

namespace swarm::engine {

struct Address {
  // As the user wrote it; names the engine in every error.
  std::string text;
  // One of the two: a socket's path, or a host (name, IPv4, or IPv6 without brackets) and port.
  std::string path;
  std::string host;
  std::uint16_t port = 0;

  bool local() const { return !path.empty(); }
};

// "unix:///path" or "tcp://host:port" (IPv6 in brackets); InvalidArgument says what is wrong.
Result<Address> ParseAddress(std::string_view text);

}  // namespace swarm::engine
