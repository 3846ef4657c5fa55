// Keeps one task of each global service on every node that it may run on.
#pragma once

#include <string>
#include <vector>

#include "tools.h"

namespace swarm::orchestrator {

// Threading: [loop].
class Global {
 public:
  explicit Global(Tools& tools) : tools_(tools) {}
  // `done`: whether nothing had to be written; otherwise look again.
  void Reconcile(const ServicePtr& service, Function<void(bool settled)> done);
  // The same for one node that has come or changed. Not a rolling update: what is out of date on
  // the node is replaced at once.
  void ReconcileNode(const ServicePtr& service, const std::string& node_id, Function<void()> done);
  // Restarts those tasks whose node may still run the service and shuts the others down.
  void Restart(const ServicePtr& service, const std::vector<std::string>& task_ids,
               Function<void()> done);

 private:
  Tools& tools_;
};

}  // namespace swarm::orchestrator
