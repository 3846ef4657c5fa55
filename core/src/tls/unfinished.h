// Connections that have not shown who they are yet: how many there may be, and which of them has to
// go for another to come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "tls/greeting.h"
#include "tls/served_connection.h"

namespace swarm::tls {

// Threading: everything on the IoThread.
class Unfinished {
 public:
  using Id = std::uint64_t;
  // First a greeting, then a connection that shakes hands.
  struct One {
    std::string address;  // "ip:port"
    std::shared_ptr<Greeting> greeting;
    std::shared_ptr<ServedConnection> connection;
  };

  // The part of an address that its owner cannot choose anew for each connection.
  static std::string HostOf(const std::string& address);

  Id Add(One one);
  // Null when it has been taken.
  One* Find(Id id);
  // Empty pointers when it has been taken before.
  One Take(Id id);
  // Any; false when there is none.
  bool TakeAny(One& one);
  // The oldest of the host that has the most: whoever opens thousands gets in its own way, and
  // others have the time they need. There must be one.
  One TakeWorst();
  std::size_t size() const { return ones_.size(); }

 private:
  std::map<Id, One> ones_;  // oldest first
  std::unordered_map<std::string, std::size_t> of_host_;
  Id last_ = 0;
};

}  // namespace swarm::tls
