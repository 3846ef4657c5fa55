// A few hosts on a network of their own, whose connections a test can cut: network namespaces on a
// bridge, which is in a namespace too. Nothing of it outlives the test process. Needs root.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/guardian.h"

namespace swarm::test {

class CutNetwork {
 public:
  // Why there can be none on this machine; nothing when there can.
  static std::optional<std::string> Unavailable();

  // At most 200 hosts. When the test ends, processes with `folder` in their command lines are
  // killed, what is mounted in it is unmounted, and it is removed.
  CutNetwork(int hosts, const std::string& folder);
  ~CutNetwork();

  std::string Ip(int host) const { return "10.0.0." + std::to_string(host + 1); }
  // To be put before a command line, so that it runs on the host; the process stays the same.
  std::vector<std::string> On(int host) const;

  // The host reaches nobody, and nobody reaches it; nor is anybody told.
  void Isolate(int host);
  // The two do not reach each other.
  void Cut(int a, int b);
  void HealAll();

 private:
  bool Make();
  bool Connect(int host);
  std::vector<std::string> In(const std::string& space) const;
  std::string Space(int host) const { return prefix_ + std::to_string(host + 1); }

  const int hosts_;
  std::string prefix_;  // of the namespaces' names
  std::unique_ptr<Guardian> guardian_;
};

}  // namespace swarm::test
