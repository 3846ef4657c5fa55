// What every proxy must do, whatever way it takes to the leader.
//
//   const ProxyFactory kMine{"mine", [](Consensus& c, Runtime&) { return MakeMine(c); }};
//   INSTANTIATE_TEST_SUITE_P(Mine, ProxySuite, testing::Values(kMine));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "swarm/consensus.h"
#include "swarm/plugin.h"
#include "swarm/runtime.h"

namespace swarm::conformance {

struct ProxyFactory {
  std::string name;
  // The instance's role is a Proxy.
  std::function<std::unique_ptr<Instance>(Consensus&, Runtime&)> make;

  friend std::ostream& operator<<(std::ostream& out, const ProxyFactory& factory) {
    return out << factory.name;
  }
};

class ProxySuite : public testing::TestWithParam<ProxyFactory> {
 protected:
  ProxySuite();
  ~ProxySuite() override;
  struct Rig;
  std::unique_ptr<Rig> rig_;
};

}  // namespace swarm::conformance
