// Ends tasks that their node may not or cannot run any more, because it has changed: it lost a
// label or its role, or has less CPU, memory or generic resources than its tasks reserve. They are
// REJECTED, as if the node itself had done it, so that the restart policy decides what follows.
#pragma once

#include <string>
#include <vector>

#include "component/component.h"
#include "task_rules.h"

namespace swarm::orchestrator {

// The wanted tasks of the node that it does not fit any more. Constraints are those of the task's
// service as it is now; resources go to the tasks in the order of their ids, and only to those that
// the scheduler has assigned.
std::vector<TaskPtr> FindMisplaced(const Reader& reader, const pb::Node& node);

// Threading: [loop].
class Enforcer {
 public:
  explicit Enforcer(component::Env& env) : env_(env) {}
  void Begin(const View& view);
  void OnNode(const Event& event, const View& view);

 private:
  void Check(const pb::Node& node, const View& view);
  void Reject(const pb::Node& node, const std::vector<TaskPtr>& tasks);

  component::Env& env_;
};

}  // namespace swarm::orchestrator
