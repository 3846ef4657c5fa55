// What the cluster's networks have: subnets, VXLAN ids, and the addresses that are in use.
// Protocol: fields and formats are what Docker Engines expect of a manager; some of them crash an
// engine when absent. Pure: no store, no clock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "address.h"
#include "serial.h"
#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::allocator {

namespace pb = ::docker::swarmkit::v1;

// By the network's flag, or as older clusters mark it.
bool IsIngress(const pb::Network& network);
// Made by each node itself: the manager gives no addresses on it.
bool IsNodeLocal(const pb::Network& network);
// The manager's part of it is done.
bool IsAllocated(const pb::Network& network);

// From which subnets for networks that name none are cut.
struct DefaultPools {
  std::vector<Subnet> pools;
  int prefix = 24;
};

class Networks {
 public:
  Networks();

  // Takes effect for networks allocated later.
  void SetDefaultPools(DefaultPools pools) { defaults_ = std::move(pools); }

  // Gives the network what it lacks and keeps what it has; a copy with the result. Fails without
  // effect. Of one that is known already: InvalidArgument.
  Result<std::shared_ptr<pb::Network>> Allocate(const pb::Network& network);
  // Whatever of it is still in use is forgotten.
  void Free(const std::string& id);
  bool Knows(const std::string& id) const { return networks_.contains(id); }
  bool IsLocal(const std::string& id) const;

  // An address in the form "10.0.0.5/24"; `preferred`, an address with or without a prefix, or the
  // next free one when it is empty.
  Result<std::string> TakeAddress(const std::string& id, const std::string& preferred);
  void FreeAddress(const std::string& id, const std::string& address);

  // After everything stored has been taken, before anything new is.
  void Resume();

 private:
  // A subnet, and which of its addresses are taken, counted from its base.
  struct Pool {
    Subnet subnet;
    Serial<Bits> addresses;
  };
  struct State {
    bool local = false;
    bool picked = false;  // a default subnet was given
    std::vector<Pool> pools;
    std::vector<std::uint32_t> vxlan_ids;
  };

  Status TakePools(const pb::Network& network, pb::IPAMOptions* ipam, State* state) const;
  Status TakePool(pb::IPAMConfig* config, State* state) const;
  Result<Subnet> PickSubnet(const State& state) const;
  // The first subnet in use that overlaps with this one.
  std::optional<Subnet> FindOverlap(const Subnet& subnet, const State& state) const;
  Status TakeVxlanIds(const pb::Network& network, pb::Driver* driver, State* state);

  // Which of the default subnets it is, counted through all pools.
  std::optional<std::uint64_t> NumberOf(const Subnet& subnet) const;

  DefaultPools defaults_;
  std::map<std::string, State> networks_;
  Serial<std::uint32_t> vxlan_ids_;
  std::uint64_t next_default_ = 0;  // number of the default subnet where the next search begins
};

}  // namespace swarm::allocator
