// What the orchestrators of all modes work with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "component/component.h"
#include "restart_supervisor.h"
#include "service_queue.h"
#include "task_rules.h"
#include "updater.h"

namespace swarm::orchestrator {

// One planned change of a service's tasks.
struct Op {
  enum class Kind : unsigned char {
    kCreate,    // in `slot`
    kShutdown,  // desired state SHUTDOWN
    kRemove,    // desired state REMOVE: the reaper deletes it once it has stopped
    kDelete,    // at once, unless it is wanted or a node still has it
  };
  Kind kind;
  std::string task_id;
  SlotKey slot;
};

// Borrowed by both orchestrators; lives with the component. Threading: [loop].
struct Tools {
  component::Env& env;
  PartsCache& parts;
  ServiceQueue& queue;
  RestartSupervisor& restarts;
  UpdateSupervisor& updates;
  ClusterPtr cluster;

  // Writes them in order, as far as the service keeps the version that was planned for, and calls
  // `done` with whether all is as planned.
  void Run(const ServicePtr& service, std::vector<Op> ops, Function<void(bool ok)> done);
  // The tasks of a slot that an update is about: those wanted, or else the newest if the restart
  // policy leaves it as it is.
  Slot Updatable(const pb::Service& service, const Slot& tasks);
};

}  // namespace swarm::orchestrator
