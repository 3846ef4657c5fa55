// Planned changes of services' tasks, and how they are written: small ones of several services that
// come together share a batch, and so entries of the log.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "component/component.h"
#include "task_rules.h"

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

// Threading: [loop].
class TaskWrites {
 public:
  struct Plan {
    ServicePtr service;
    std::shared_ptr<const SharedParts> parts;
    std::vector<Op> ops;
    Function<void(bool ok)> done;
  };

  explicit TaskWrites(component::Env& env) : env_(env) {}
  // Writes the changes in order, as far as the service keeps the version that was planned for, and
  // calls `done` with whether all is as planned. What fails for one service fails for no other.
  void Add(Plan plan);

 private:
  struct Batch;
  void Write(std::vector<Plan> plans);
  void Report(Batch& batch, const Status& status);

  component::Env& env_;
  std::vector<Plan> small_;  // wait for the others that the same events lead to
};

}  // namespace swarm::orchestrator
