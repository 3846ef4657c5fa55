#include "decision.h"

#include <memory>
#include <utility>

#include "component/nodes.h"

namespace swarm::scheduler {
namespace {

// Whether what was decided for one state of a node also holds for the other.
bool SameForTasks(const pb::Node& a, const pb::Node& b) {
  return a.meta().version().index() == b.meta().version().index() ||
         (a.status().state() == b.status().state() && component::SamePlace(a, b));
}

}  // namespace

Status Apply(Transaction& tx, Decision& decision, TaskTime now) {
  decision.written = false;
  const TaskPtr task = tx.GetTask(decision.task->id);
  if (!task || task->status.state != pb::PENDING || task->node_id != decision.task->node_id) {
    return Status::Ok();
  }
  auto changed = std::make_shared<Task>(*task);
  changed->status.timestamp = now;
  switch (decision.kind) {
    case Decision::Kind::kAssign: {
      const auto node = tx.Get<pb::Node>(decision.counted->node_id);
      // A node that has changed since may not take it any more: it is decided on anew.
      if (!node || !SameForTasks(*node, *decision.node)) return Status::Ok();
      if (task->desired_state > pb::COMPLETE) return Status::Ok();
      changed->node_id = decision.counted->node_id;
      changed->extras = decision.counted->extras;
      changed->status = {};
      changed->status.state = pb::ASSIGNED;
      changed->status.timestamp = now;
      changed->status.message = decision.text;
      break;
    }
    case Decision::Kind::kExplain:
      if (task->status.err == decision.text) return Status::Ok();
      changed->status.err = decision.text;
      break;
    case Decision::Kind::kShutDown:
      if (task->desired_state <= pb::COMPLETE) return Status::Ok();
      changed->status.state = pb::SHUTDOWN;
      changed->status.err.clear();
      break;
  }
  SWARM_RETURN_IF_ERROR(tx.UpdateTask(std::move(changed)));
  decision.written = true;
  return Status::Ok();
}

}  // namespace swarm::scheduler
