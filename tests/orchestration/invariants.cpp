#include "invariants.h"

namespace swarm::test {
namespace {

std::string Name(pb::TaskState state) { return pb::TaskState_Name(state); }

}  // namespace

Invariants::Invariants(Store& store, Loop& loop) {
  auto [view, subscription] =
      store.ReadAndWatch({{Table::kTask}}, loop, [this](const CommitPtr& commit) {
        for (const Event& event : commit->events) {
          if (event.table == Table::kTask) Check(event);
        }
      });
  subscription_ = std::move(subscription);
  (void)view->FindTasks(By::All(), [this](const TaskPtr& task) {
    tasks_[task->id] = task;
    return true;
  });
}

void Invariants::Say(const Task& task, const std::string& what) {
  broken_.push_back("task " + task.id + " of " + task.service_id + ": " + what);
}

void Invariants::Check(const Event& event) {
  ++checked_;
  const Task& task = *event.task;
  if (event.change == Change::kRemove) {
    const bool on_node = task.status.state >= pb::ASSIGNED && !IsTerminal(task.status.state);
    if (on_node && task.desired_state <= pb::RUNNING) Say(task, "deleted while it is wanted");
    if (on_node) Say(task, "deleted while a node has it, in state " + Name(task.status.state));
    tasks_.erase(task.id);
    return;
  }
  const auto known = tasks_.find(task.id);
  if (known == tasks_.end()) {
    CheckNew(task);
  } else {
    CheckChange(*known->second, task);
  }
  tasks_[task.id] = event.task;
}

void Invariants::CheckNew(const Task& task) {
  if (task.status.state != pb::NEW) Say(task, "made in state " + Name(task.status.state));
  if (task.desired_state != pb::READY && task.desired_state != pb::RUNNING) {
    Say(task, "made with desired state " + Name(task.desired_state));
  }
}

void Invariants::CheckChange(const Task& before, const Task& after) {
  if (before.service_id != after.service_id || before.slot != after.slot) Say(after, "moved");
  if (!before.node_id.empty() && before.node_id != after.node_id) Say(after, "changed its node");
  const pb::TaskState from = before.status.state;
  const pb::TaskState to = after.status.state;
  if (to < from) Say(after, "went back from " + Name(from) + " to " + Name(to));
  if (after.desired_state < before.desired_state) Say(after, "is wanted less than before");
  if (to == pb::REMOVE) Say(after, "is in state REMOVE");
  if (to >= pb::ASSIGNED && to != pb::REJECTED && to != pb::SHUTDOWN && after.node_id.empty()) {
    Say(after, "is in state " + Name(to) + " without a node");
  }
  if (from != to && to == pb::REJECTED) ++rejected_;
  // The manager itself ends tasks whose node does not fit them, or is removed.
  const bool ended = to == pb::REJECTED || to == pb::ORPHANED;
  if (from == pb::NEW && to > pb::PENDING && !ended) Say(after, "skipped PENDING");
  if (from == pb::PENDING && to > pb::ASSIGNED && to != pb::SHUTDOWN && !ended) {
    Say(after, "skipped ASSIGNED");
  }
  if (from < pb::ASSIGNED && to == pb::ASSIGNED && after.desired_state > pb::COMPLETE) {
    Say(after, "was given a node though nobody wants it");
  }
}

}  // namespace swarm::test
