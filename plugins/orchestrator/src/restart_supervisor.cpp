#include "restart_supervisor.h"

#include <algorithm>
#include <utility>

#include "component/times.h"

namespace swarm::orchestrator {
namespace {

constexpr Duration kDefaultDelay = std::chrono::seconds(5);

// Without a policy everything is restarted; a policy that is there but empty says "none".
pb::RestartPolicy PolicyOf(const pb::TaskSpec& spec) {
  if (spec.has_restart()) return spec.restart();
  pb::RestartPolicy any;
  any.set_condition(pb::RestartPolicy::ANY);
  return any;
}

void EraseOne(std::multimap<std::string, std::string>& map, const std::string& key,
              const std::string& value) {
  const auto [first, last] = map.equal_range(key);
  const auto found = std::find_if(first, last, [&](const auto& e) { return e.second == value; });
  if (found != last) map.erase(found);
}

}  // namespace

// Whether an up-to-date task is on its way, or there, in the place of one that has to end: it was
// to serve only until that runs, and two successors would be one too many.
bool HasSuccessor(const View& view, const pb::Service& service, const Task& task) {
  bool found = false;
  const By by = task.slot != 0 ? By::Slot(task.service_id, task.slot) : By::Node(task.node_id);
  (void)view.FindTasks(by, [&](const TaskPtr& other) {
    found = other->service_id == task.service_id && other->id != task.id &&
            other->desired_state <= pb::RUNNING && !IsTerminal(other->status.state) &&
            IsUpToDate(service, *other, view);
    return !found;
  });
  return found && !IsUpToDate(service, task, view);
}

// One restart, planned on the loop and carried out in a transaction.
struct RestartSupervisor::Replacement {
  std::string old_id;
  std::string new_id;  // empty: not replaced
  SlotKey slot;
  Duration delay{};
  TaskPtr wait_for;  // null: nobody
  bool done = false;
  std::shared_ptr<Task> task;
};

RestartSupervisor::RestartSupervisor(
    component::Env& env, PartsCache& parts,
    Function<void(const std::string&, const std::string&)> restart_again)
    : env_(env), parts_(parts), restart_again_(std::move(restart_again)) {}

Duration RestartSupervisor::DelayOf(const pb::TaskSpec& spec) {
  return spec.restart().has_delay() ? component::ToDuration(spec.restart().delay()) : kDefaultDelay;
}

void RestartSupervisor::Restart(const ServicePtr& service, const ClusterPtr& cluster,
                                const std::vector<std::string>& task_ids, Function<void()> done) {
  auto plan = std::make_shared<std::vector<Replacement>>();
  const ViewPtr view = env_.Read();
  for (const std::string& id : task_ids) {
    const TaskPtr task = view->GetTask(id);
    if (!task || task->desired_state > pb::RUNNING) continue;
    if (const auto found = delayed_.find(id); found != delayed_.end()) {
      found->second.restart_after = true;
      continue;
    }
    Replacement next;
    next.old_id = id;
    next.slot = SlotOf(*task);
    if (ShouldRestart(*task) && !HasSuccessor(*view, *service, *task)) {
      const auto node = task->node_id.empty() ? nullptr : view->Get<pb::Node>(task->node_id);
      const bool drained = node && node->spec().availability() == pb::NodeSpec::DRAIN;
      const bool down = node && node->status().state() == pb::NodeStatus::DOWN;
      next.new_id = env_.NewId();
      next.delay = drained ? Duration::zero() : DelayOf(*task->spec);
      if (!down && task->status.state <= pb::RUNNING) next.wait_for = task;
    }
    plan->push_back(std::move(next));
  }
  if (plan->empty()) return done();

  const auto step = [plan, at = std::size_t{0}, service_id = service->id(),
                     parts = parts_.For(service, cluster),
                     now = env_.Stamp()](Transaction& tx) mutable -> Result<bool> {
    if (at == plan->size() || !tx.Get<pb::Service>(service_id)) return false;
    Replacement& next = (*plan)[at++];
    const TaskPtr old = tx.GetTask(next.old_id);
    if (!old || old->desired_state > pb::RUNNING) return true;
    SWARM_RETURN_IF_ERROR(RaiseDesired(tx, next.old_id, pb::SHUTDOWN));
    if (!next.new_id.empty()) {
      next.task = NewTask(*parts, next.new_id, service_id, next.slot, pb::READY, now);
      SWARM_RETURN_IF_ERROR(tx.CreateTask(next.task));
    }
    next.done = true;
    return true;
  };
  env_.Batch(step, [this, plan, done = std::move(done)](Status status) mutable {
    if (!status.ok()) {
      env_.logger().Warn("restart not written", {{"error", status.ToString()}});
    }
    // A batch that failed half-way: what was not written is a task that does not exist.
    for (const Replacement& next : *plan) {
      if (!next.done || next.new_id.empty()) continue;
      Record(*next.task, env_.Now());
      StartLater(next.new_id, next.delay, next.wait_for);
    }
    done();
  });
}

bool RestartSupervisor::ShouldRestart(const Task& task) {
  const pb::RestartPolicy policy = PolicyOf(*task.spec);
  switch (policy.condition()) {
    case pb::RestartPolicy::ANY:
      break;
    case pb::RestartPolicy::ON_FAILURE:
      if (task.status.state == pb::COMPLETE) return false;
      break;
    default:
      return false;
  }
  return policy.max_attempts() == 0 || !Exhausted(task, policy);
}

bool RestartSupervisor::Exhausted(const Task& task, const pb::RestartPolicy& policy) {
  const auto service = history_.find(task.service_id);
  if (service == history_.end()) return false;
  const auto found = service->second.find(SlotOf(task));
  if (found == service->second.end()) return false;
  History& history = found->second;
  if (task.has_spec_version && task.spec_version != history.spec_version) return false;
  const Duration window = component::ToDuration(policy.window());
  if (window <= Duration::zero()) return history.total >= policy.max_attempts();
  const WallTime until = component::ToWallTime(TaskTimestamp(task));
  const WallTime from = until - window;
  while (!history.times.empty() && history.times.front() <= from) history.times.pop_front();
  const auto inside = std::count_if(history.times.begin(), history.times.end(),
                                    [until](WallTime time) { return time < until; });
  return static_cast<std::uint64_t>(inside) >= policy.max_attempts();
}

void RestartSupervisor::Record(const Task& replacement, WallTime when) {
  const pb::RestartPolicy policy = PolicyOf(*replacement.spec);
  if (policy.max_attempts() == 0) return;
  History& history = history_[replacement.service_id][SlotOf(replacement)];
  if (replacement.has_spec_version && replacement.spec_version != history.spec_version) {
    history = {};
    history.spec_version = replacement.spec_version;
  }
  ++history.total;
  if (component::ToDuration(policy.window()) > Duration::zero()) history.times.push_back(when);
}

void RestartSupervisor::StartLater(const std::string& task_id, Duration delay,
                                   const TaskPtr& old_task) {
  Delayed delayed;
  if (const TaskPtr task = env_.Read()->GetTask(task_id)) delayed.service_id = task->service_id;
  if (old_task) {
    delayed.old_task_id = old_task->id;
    delayed.old_node_id = old_task->node_id;
  }
  delayed.armed = env_.SteadyNow();
  delayed.timer = env_.loop().After(delay, [this, task_id] { DelayOver(task_id); });
  delayed_[task_id] = std::move(delayed);
}

bool RestartSupervisor::OldTaskStopped(const Delayed& delayed) const {
  if (delayed.old_task_id.empty()) return true;
  const ViewPtr view = env_.Read();
  const TaskPtr old = view->GetTask(delayed.old_task_id);
  if (!old || IsTerminal(old->status.state)) return true;
  // Not yet on a node when it was shut down: nobody runs it.
  if (old->status.state < pb::ASSIGNED) return true;
  const auto node = view->Get<pb::Node>(old->node_id);
  return !node || node->status().state() == pb::NodeStatus::DOWN;
}

void RestartSupervisor::DelayOver(std::string task_id) {
  const auto found = delayed_.find(task_id);
  if (found == delayed_.end()) return;
  Delayed& delayed = found->second;
  const Duration left = stop_timeout_ - (env_.SteadyNow() - delayed.armed);
  if (OldTaskStopped(delayed) || left <= Duration::zero()) return Promote(task_id);
  delayed.over = true;
  waiting_for_task_.emplace(delayed.old_task_id, task_id);
  waiting_for_node_.emplace(delayed.old_node_id, task_id);
  delayed.timer = env_.loop().After(left, [this, task_id] { Promote(task_id); });
}

void RestartSupervisor::Promote(std::string task_id) {
  const auto found = delayed_.find(task_id);
  if (found == delayed_.end()) return;
  const Delayed delayed = std::move(found->second);
  delayed_.erase(found);
  if (delayed.over) {
    EraseOne(waiting_for_task_, delayed.old_task_id, task_id);
    EraseOne(waiting_for_node_, delayed.old_node_id, task_id);
  }
  env_.Update([task_id](Transaction& tx) { return RaiseDesired(tx, task_id, pb::RUNNING); },
              [this, task_id, service_id = delayed.service_id,
               again = delayed.restart_after](Status status) {
                if (!status.ok()) {
                  env_.logger().Warn("task not started",
                                     {{"task.id", task_id}, {"error", status.ToString()}});
                }
                if (again) restart_again_(service_id, task_id);
              });
}

void RestartSupervisor::OnTask(const Event& event) {
  const std::string& id = event.task->id;
  const bool gone = event.change == Change::kRemove;
  if (!gone && !IsTerminal(event.task->status.state)) return;
  if (gone) {
    if (const auto found = delayed_.find(id); found != delayed_.end()) {
      if (found->second.over) {
        EraseOne(waiting_for_task_, found->second.old_task_id, id);
        EraseOne(waiting_for_node_, found->second.old_node_id, id);
      }
      delayed_.erase(found);
    }
  }
  std::vector<std::string> freed;
  const auto [first, last] = waiting_for_task_.equal_range(id);
  for (auto it = first; it != last; ++it) freed.push_back(it->second);
  for (const std::string& task_id : freed) Promote(task_id);
}

void RestartSupervisor::OnNode(const Event& event) {
  const auto& node = static_cast<const pb::Node&>(*event.object);
  if (event.change != Change::kRemove && node.status().state() != pb::NodeStatus::DOWN) return;
  std::vector<std::string> freed;
  const auto [first, last] = waiting_for_node_.equal_range(node.id());
  for (auto it = first; it != last; ++it) freed.push_back(it->second);
  for (const std::string& task_id : freed) Promote(task_id);
}

}  // namespace swarm::orchestrator
