#include "engine_client/address.h"

#include <charconv>

namespace swarm::engine {
namespace {

Status Bad(std::string_view text, std::string_view why) {
  return {Code::kInvalidArgument,
          "engine address \"" + std::string(text) + "\": " + std::string(why)};
}

bool Cut(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Result<Address> ParseTcp(std::string_view whole, std::string_view rest) {
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.ends_with(']'))
    return Bad(whole, "the port is missing; write tcp://host:port, such as tcp://10.0.0.5:2376");
  Address address;
  address.text = std::string(whole);
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Bad(whole, "an IPv6 address is written in brackets, as in tcp://[::1]:2375");
  }
  if (host.empty()) return Bad(whole, "the host is missing; write tcp://host:port");
  if (host.find_first_of("/?#@ ") != std::string_view::npos)
    return Bad(whole, "only a host and a port may follow tcp://");
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535)
    return Bad(whole, "the port is a number from 1 to 65535");
  address.host = std::string(host);
  address.port = static_cast<std::uint16_t>(number);
  return address;
}

}  // namespace

Result<Address> ParseAddress(std::string_view text) {
  std::string_view rest = text;
  if (Cut(rest, "unix://")) {
    if (!rest.starts_with('/'))
      return Bad(text,
                 "unix:// is followed by an absolute path, as in unix:///var/run/docker.sock");
    // sun_path has 108 bytes and ends with a zero.
    if (rest.size() > 107) return Bad(text, "a socket's path has at most 107 bytes");
    Address address;
    address.text = std::string(text);
    address.path = std::string(rest);
    return address;
  }
  if (Cut(rest, "tcp://")) return ParseTcp(text, rest);
  if (Cut(rest, "npipe://"))
    return Bad(text, "named pipes exist on Windows only; use unix:///path or tcp://host:port");
  return Bad(text, "write unix:///path or tcp://host:port");
}

}  // namespace swarm::engine
