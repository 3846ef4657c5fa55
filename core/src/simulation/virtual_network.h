// Calls between the machines of a simulation: delivered to routers after a random delay, on
// connections that break, stall in partitions and die with their processes.
//
// Messages pass without being serialised. Those of one call arrive in order; calls overtake each
// other. A machine's calls to itself are neither delayed nor lost.
// Threading: everything on the thread that drives the simulation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "rpc/call_target.h"
#include "swarm/export.h"
#include "swarm/network.h"
#include "swarm/rpc.h"
#include "swarm/simulation.h"

namespace swarm {

namespace simulation {
class NetworkCore;
}

struct VirtualNetworkCounters {
  std::uint64_t calls = 0;
  std::uint64_t messages = 0;
  std::uint64_t broken_connections = 0;
  std::uint64_t refused_connections = 0;  // nobody listens, or a partition
};

class SWARM_EXPORT VirtualNetwork {
 public:
  explicit VirtualNetwork(Simulation& simulation);
  // Silently ends everything.
  ~VirtualNetwork();
  VirtualNetwork(const VirtualNetwork&) = delete;
  VirtualNetwork& operator=(const VirtualNetwork&) = delete;

  // The way out of the machine's present process; `identity` is what it shows to those it calls,
  // absent: no certificate. Dial options other than the address have no effect.
  std::unique_ptr<Network> Attach(Machine& machine, std::optional<Identity> identity);

  // From now on `address` is served by `target`, until the process dies or the object returned is
  // destroyed, which breaks the address's connections. AlreadyExists when the address is taken.
  Result<std::unique_ptr<Registration>> Listen(Machine& machine, std::string_view address,
                                               std::shared_ptr<CallTarget> target,
                                               Listener listener = Listener::kRemote);

  // Of each message; 0.1 to 2 ms at first.
  void SetDelay(Duration low, Duration high);
  // Share of messages, from 0 to 1, that break their connection instead of arriving.
  void SetLoss(double share);

  // Nothing passes between the two until Heal; connections stall, and break after 20 s.
  void Partition(Machine& a, Machine& b);
  // Stalled connections go on, or break, by the seed.
  void Heal(Machine& a, Machine& b);
  void HealAll();

  const VirtualNetworkCounters& counters() const;

 private:
  const std::shared_ptr<simulation::NetworkCore> core_;
};

}  // namespace swarm
