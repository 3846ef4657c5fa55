// Ports that services publish on every node (ingress mode). A number belongs to one service a
// protocol. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "serial.h"
#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::allocator {

namespace pb = ::docker::swarmkit::v1;

class Ports {
 public:
  Ports();

  // The ports the service should have: those it names, those it has already and does not name, and
  // new ones. They are its own from now on, instead of what it had. Fails without effect.
  Result<std::vector<pb::PortConfig>> Allocate(const pb::Service& service);
  // Takes what a stored service has. False when another service has one of them.
  bool Restore(const pb::Service& service);
  // Whether it had any.
  bool Free(const std::string& service_id);
  // After Restore of all services.
  void Resume();

 private:
  struct Space {
    Space();
    Serial<std::uint32_t> numbers;
  };
  using Held = std::vector<std::pair<int, std::uint32_t>>;  // protocol, number

  Status Take(pb::PortConfig* port, Held* held);
  void Give(const Held& held);

  std::array<Space, 3> spaces_;  // by protocol
  std::map<std::string, Held> held_;
};

// Whether the service publishes a port in ingress mode.
bool PublishesIngress(const pb::ServiceSpec& spec);
// Whether the stored ports are what the spec asks for, as far as numbers are named.
bool PortsFit(const pb::Service& service);

}  // namespace swarm::allocator
