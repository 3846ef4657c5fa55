#include "node/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cstdint>
#include <memory>

namespace swarm::node {
namespace {

bool Global(const OwnAddress& address) {
  if (address.v6) {
    in6_addr in{};
    if (inet_pton(AF_INET6, address.text.c_str(), &in) != 1) return false;
    return !IN6_IS_ADDR_UNSPECIFIED(&in) && !IN6_IS_ADDR_LOOPBACK(&in) &&
           !IN6_IS_ADDR_LINKLOCAL(&in) && !IN6_IS_ADDR_MULTICAST(&in);
  }
  in_addr in{};
  if (inet_pton(AF_INET, address.text.c_str(), &in) != 1) return false;
  const std::uint32_t value = ntohl(in.s_addr);
  const bool loopback = value >> 24 == 127;
  const bool link_local = value >> 16 == 0xa9fe;  // 169.254.0.0/16
  const bool multicast_or_later = value >> 28 >= 0xe;
  return value != 0 && !loopback && !link_local && !multicast_or_later;
}

const OwnAddress* FirstGlobal(const std::vector<OwnAddress>& own, bool v6) {
  for (const OwnAddress& address : own) {
    if (address.v6 == v6 && Global(address)) return &address;
  }
  return nullptr;
}

}  // namespace

std::vector<OwnAddress> OwnAddresses() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(first, freeifaddrs);
  std::vector<OwnAddress> out;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const bool v6 = entry->ifa_addr->sa_family == AF_INET6;
    if (!v6 && entry->ifa_addr->sa_family != AF_INET) continue;
    const void* raw = v6 ? static_cast<const void*>(
                               &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr)
                         : &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr;
    char text[INET6_ADDRSTRLEN];
    if (inet_ntop(entry->ifa_addr->sa_family, raw, text, sizeof text) == nullptr) continue;
    out.push_back({text, v6});
  }
  return out;
}

std::string Dialable(const std::string& bound, const std::vector<OwnAddress>& own) {
  const auto colon = bound.rfind(':');
  if (colon == std::string::npos) return bound;
  const std::string host = bound.substr(0, colon);
  const std::string port = bound.substr(colon);
  const bool both = host == "[::]" || host.empty();
  if (!both && host != "0.0.0.0") return bound;
  if (const OwnAddress* v4 = FirstGlobal(own, false)) return v4->text + port;
  if (const OwnAddress* v6 = both ? FirstGlobal(own, true) : nullptr)
    return "[" + v6->text + "]" + port;
  return "127.0.0.1" + port;
}

}  // namespace swarm::node
