// Keeps as many tasks as each replicated service asks for.
#pragma once

#include <map>
#include <vector>

#include "tools.h"

namespace swarm::orchestrator {

// Which slots stay when there are more than `replicas`, best first: running before not running,
// one on each node before a second one, low numbers before high ones.
std::vector<Slot> OrderForScaling(std::vector<Slot> slots);

// Threading: [loop].
class Replicated {
 public:
  explicit Replicated(Tools& tools) : tools_(tools) {}
  // `done`: whether nothing had to be written; otherwise look again.
  void Reconcile(const ServicePtr& service, Function<void(bool settled)> done);

 private:
  Tools& tools_;
};

}  // namespace swarm::orchestrator
