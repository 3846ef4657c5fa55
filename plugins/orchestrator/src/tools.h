// What the orchestrators of all modes work with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "component/component.h"
#include "restart_supervisor.h"
#include "service_queue.h"
#include "task_rules.h"
#include "task_writes.h"
#include "updater.h"

namespace swarm::orchestrator {

// Borrowed by both orchestrators; lives with the component. Threading: [loop].
struct Tools {
  component::Env& env;
  PartsCache& parts;
  ServiceQueue& queue;
  RestartSupervisor& restarts;
  UpdateSupervisor& updates;
  TaskWrites& writes;
  ClusterPtr cluster;

  // See TaskWrites::Add.
  void Run(const ServicePtr& service, std::vector<Op> ops, Function<void(bool ok)> done);
  // The tasks of a slot that an update is about: those wanted, or else the newest if the restart
  // policy leaves it as it is.
  Slot Updatable(const pb::Service& service, const Slot& tasks);
};

}  // namespace swarm::orchestrator
