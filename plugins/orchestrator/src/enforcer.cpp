#include "enforcer.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "component/nodes.h"
#include "constraint/constraint.h"

namespace swarm::orchestrator {
namespace {

constexpr std::string_view kMessage = "task rejected by constraint enforcer";
constexpr std::string_view kError = "assigned node no longer meets constraints";

bool Judged(const Task& task) {
  return task.desired_state >= pb::ASSIGNED && task.desired_state <= pb::COMPLETE &&
         task.status.state < pb::COMPLETE;
}

std::vector<constraint::Constraint> ParseConstraints(const pb::TaskSpec& spec) {
  auto parsed = constraint::Parse(spec.placement().constraints());
  // What cannot be read constrains nothing: it was accepted by an older manager.
  if (!parsed.ok()) return {};
  return *std::move(parsed);
}

// Whether tasks of an earlier version are where the service's update left them.
bool UpdateUnderWay(const pb::Service& service) {
  switch (service.update_status().state()) {
    case pb::UpdateStatus::UPDATING:
    case pb::UpdateStatus::PAUSED:
    case pb::UpdateStatus::ROLLBACK_STARTED:
    case pb::UpdateStatus::ROLLBACK_PAUSED:
      return true;
    default:
      return false;
  }
}

// Whether it serves until a task that is wanted in the same place runs.
bool BeingReplaced(const Reader& reader, const Task& task) {
  bool found = false;
  const By by = task.slot != 0 ? By::Slot(task.service_id, task.slot) : By::Node(task.node_id);
  (void)reader.FindTasks(by, [&](const TaskPtr& other) {
    found = other->service_id == task.service_id && other->id != task.id &&
            other->desired_state <= pb::RUNNING;
    return !found;
  });
  return found;
}

// The constraints of a node's tasks, read once for each service.
class Constraints {
 public:
  explicit Constraints(const Reader& reader) : reader_(reader) {}

  bool Allow(const Task& task, const pb::Node& node) {
    const Verdict& verdict = ForService(task.service_id, node);
    // The task's own constraints may be out of date: a change that its node still meets does not
    // replace it. But an update that is under way replaces tasks at its own pace.
    if (verdict.exists && verdict.allowed) return true;
    if (verdict.exists && !verdict.updating && !BeingReplaced(reader_, task)) return false;
    return constraint::Match(ParseConstraints(*task.spec), node);
  }

 private:
  struct Verdict {
    bool exists = false;
    bool allowed = false;
    bool updating = false;
  };
  const Verdict& ForService(const std::string& id, const pb::Node& node) {
    const auto [entry, missing] = verdicts_.try_emplace(id);
    const auto service = missing && !id.empty() ? reader_.Get<pb::Service>(id) : nullptr;
    if (service) {
      entry->second = {true, constraint::Match(ParseConstraints(service->spec().task()), node),
                       UpdateUnderWay(*service)};
    }
    return entry->second;
  }

  const Reader& reader_;
  std::map<std::string, Verdict> verdicts_;  // by service
};

// What a node has left.
class Leftover {
 public:
  explicit Leftover(const pb::Resources& offered)
      : cpu_(offered.nano_cpus()), memory_(offered.memory_bytes()) {
    for (const auto& resource : offered.generic()) {
      if (resource.has_named_resource_spec()) {
        const auto& spec = resource.named_resource_spec();
        names_[spec.kind()].insert(spec.value());
      } else {
        const auto& spec = resource.discrete_resource_spec();
        counts_[spec.kind()] += spec.value();
      }
    }
  }
  // Takes what the task needs; false, and nothing is taken, when there is not enough.
  bool Take(const Task& task) {
    if (!task.spec->resources().has_reservations()) return true;
    const pb::Resources& wanted = task.spec->resources().reservations();
    if (wanted.memory_bytes() > memory_ || wanted.nano_cpus() > cpu_ || !HasAssigned(task)) {
      return false;
    }
    memory_ -= wanted.memory_bytes();
    cpu_ -= wanted.nano_cpus();
    if (task.extras) {
      for (const auto& resource : task.extras->assigned_generic_resources) TakeOne(resource);
    }
    return true;
  }

 private:
  bool HasAssigned(const Task& task) const {
    if (!task.extras) return true;
    for (const auto& resource : task.extras->assigned_generic_resources) {
      if (!Has(resource)) return false;
    }
    return true;
  }
  bool Has(const pb::GenericResource& resource) const {
    if (resource.has_named_resource_spec()) {
      const auto& spec = resource.named_resource_spec();
      const auto found = names_.find(spec.kind());
      return found != names_.end() && found->second.contains(spec.value());
    }
    const auto& spec = resource.discrete_resource_spec();
    const auto found = counts_.find(spec.kind());
    return found != counts_.end() && found->second >= spec.value();
  }
  void TakeOne(const pb::GenericResource& resource) {
    if (resource.has_named_resource_spec()) {
      const auto& spec = resource.named_resource_spec();
      names_[spec.kind()].erase(spec.value());
    } else {
      const auto& spec = resource.discrete_resource_spec();
      counts_[spec.kind()] -= spec.value();
    }
  }

  std::int64_t cpu_;
  std::int64_t memory_;
  std::map<std::string, std::int64_t> counts_;
  std::map<std::string, std::set<std::string>> names_;
};

Status RejectOne(Transaction& tx, const std::string& task_id, TaskTime now) {
  const TaskPtr task = tx.GetTask(task_id);
  if (!task || !Judged(*task)) return Status::Ok();
  auto changed = std::make_shared<Task>(*task);
  changed->status.state = pb::REJECTED;
  changed->status.message = kMessage;
  changed->status.err = kError;
  changed->status.timestamp = now;
  return tx.UpdateTask(std::move(changed));
}

}  // namespace

std::vector<TaskPtr> FindMisplaced(const Reader& reader, const pb::Node& node) {
  std::vector<TaskPtr> out;
  // A drained node's tasks are shut down anyway, and a paused one keeps what it has.
  if (node.spec().availability() != pb::NodeSpec::ACTIVE) return out;
  Constraints constraints(reader);
  const Leftover whole(node.description().resources());
  Leftover leftover = whole;
  (void)reader.FindTasks(By::Node(node.id()), [&](const TaskPtr& task) {
    if (!Judged(*task)) return true;
    // What the scheduler has not confirmed yet takes nothing from those that run.
    const bool waits = task->status.state < pb::ASSIGNED;
    const bool fits = constraints.Allow(*task, node) &&
                      (waits ? Leftover(whole).Take(*task) : leftover.Take(*task));
    if (!fits) out.push_back(task);
    return true;
  });
  return out;
}

void Enforcer::Begin(const View& view) {
  (void)view.FindMessages(Table::kNode, By::All(), [&](const MessagePtr& message) {
    Check(static_cast<const pb::Node&>(*message), view);
    return true;
  });
}

void Enforcer::OnNode(const Event& event, const View& view) {
  if (event.change == Change::kRemove) return;
  const auto& node = static_cast<const pb::Node&>(*event.object);
  const auto* before = static_cast<const pb::Node*>(event.old_object.get());
  if (before && component::SamePlace(node, *before)) return;
  Check(node, view);
}

void Enforcer::Check(const pb::Node& node, const View& view) {
  const std::vector<TaskPtr> misplaced = FindMisplaced(view, node);
  if (!misplaced.empty()) Reject(node, misplaced);
}

void Enforcer::Reject(const pb::Node& node, const std::vector<TaskPtr>& tasks) {
  struct Progress {
    std::vector<std::string> ids;
    std::size_t at = 0;
    bool stale = false;
  };
  auto progress = std::make_shared<Progress>();
  for (const TaskPtr& task : tasks) progress->ids.push_back(task->id);
  auto step = [progress, id = node.id(), version = node.meta().version().index(),
               now = env_.Stamp()](Transaction& tx) -> Result<bool> {
    if (progress->at == progress->ids.size()) return false;
    // The node has changed since, perhaps back: it must be judged anew.
    const auto current = tx.Get<pb::Node>(id);
    progress->stale = current && current->meta().version().index() != version;
    if (!current || progress->stale) return false;
    SWARM_RETURN_IF_ERROR(RejectOne(tx, progress->ids[progress->at], now));
    ++progress->at;
    return true;
  };
  env_.Batch(std::move(step), [this, progress, id = node.id()](const Status& status) {
    if (!status.ok()) {
      env_.logger().Warn("tasks that their node does not fit were not rejected",
                         {{"node.id", id}, {"error", status.ToString()}});
    } else if (progress->stale) {
      const ViewPtr view = env_.Read();
      if (const auto node = view->Get<pb::Node>(id)) Check(*node, *view);
    }
  });
}

}  // namespace swarm::orchestrator
