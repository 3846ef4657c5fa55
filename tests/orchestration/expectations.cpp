#include "expectations.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include "constraint/constraint.h"

namespace swarm::test {
namespace {

using NodePtr = std::shared_ptr<const pb::Node>;
using Ports = std::multiset<std::pair<int, std::uint32_t>>;

bool Lives(const Task& task) {
  return task.status.state >= pb::ASSIGNED && task.status.state <= pb::RUNNING;
}
bool IsUp(const pb::Node& node) { return node.status().state() == pb::NodeStatus::READY; }
bool IsActive(const pb::Node& node) { return node.spec().availability() == pb::NodeSpec::ACTIVE; }
bool Matches(const pb::TaskSpec& spec, const pb::Node& node) {
  const auto constraints = constraint::Parse(spec.placement().constraints());
  return !constraints.ok() || constraint::Match(*constraints, node);
}
Ports PortsOf(const Task& task) {
  Ports out;
  if (!task.endpoint) return out;
  for (const auto& port : task.endpoint->ports()) {
    if (port.publish_mode() == pb::PortConfig::HOST && port.published_port() != 0) {
      out.emplace(port.protocol(), port.published_port());
    }
  }
  return out;
}

// What the tasks on a node take together.
struct Load {
  std::int64_t cpu = 0;
  std::map<std::string, std::int64_t> counted;
  std::multiset<std::string> named;
  Ports ports;
  std::map<std::string, std::uint64_t> active;  // by service

  void Add(const Task& task) {
    cpu += task.spec->resources().reservations().nano_cpus();
    for (const auto& port : PortsOf(task)) ports.insert(port);
    if (task.desired_state <= pb::COMPLETE) ++active[task.service_id];
    if (!task.extras) return;
    for (const auto& resource : task.extras->assigned_generic_resources) {
      if (resource.has_named_resource_spec()) {
        named.insert(resource.named_resource_spec().value());
      } else {
        counted[resource.discrete_resource_spec().kind()] +=
            resource.discrete_resource_spec().value();
      }
    }
  }
};

Load LoadOf(const Reader& reader, const std::string& node_id) {
  Load out;
  (void)reader.FindTasks(By::Node(node_id), [&out](const TaskPtr& task) {
    if (Lives(*task)) out.Add(*task);
    return true;
  });
  return out;
}

std::int64_t FreeGeneric(const pb::Node& node, const Load& load, const std::string& kind) {
  std::int64_t count = 0;
  for (const auto& resource : node.description().resources().generic()) {
    if (resource.named_resource_spec().kind() == kind) ++count;
    if (resource.discrete_resource_spec().kind() == kind) {
      count += resource.discrete_resource_spec().value();
    }
  }
  const auto counted = load.counted.find(kind);
  return count - static_cast<std::int64_t>(load.named.size()) -
         (counted == load.counted.end() ? 0 : counted->second);
}

bool UpdateUnderWay(const pb::Service& service) {
  const auto state = service.update_status().state();
  return state != pb::UpdateStatus::UNKNOWN && state != pb::UpdateStatus::COMPLETED &&
         state != pb::UpdateStatus::ROLLBACK_COMPLETED;
}

class Check {
 public:
  Check(const Reader& reader, Seen& seen) : reader_(reader), seen_(seen) {
    (void)reader.FindMessages(Table::kNode, By::All(), [this](const MessagePtr& message) {
      const auto node = std::static_pointer_cast<const pb::Node>(message);
      nodes_[node->id()] = node;
      return true;
    });
    (void)reader.FindMessages(Table::kCluster, By::All(), [this](const MessagePtr& message) {
      limit_ = static_cast<const pb::Cluster&>(*message)
                   .spec()
                   .orchestration()
                   .task_history_retention_limit();
      return true;
    });
  }
  std::vector<std::string> Run() {
    (void)reader_.FindMessages(Table::kService, By::All(), [this](const MessagePtr& message) {
      CheckService(static_cast<const pb::Service&>(*message));
      return true;
    });
    for (const auto& [id, node] : nodes_) CheckNode(*node);
    (void)reader_.FindTasks(By::All(), [this](const TaskPtr& task) {
      if (reader_.Get<pb::Service>(task->service_id)) return true;
      // A node that is down may still run it, and is told to end it once it is back.
      const auto node = nodes_.find(task->node_id);
      const bool unreachable = node != nodes_.end() && !IsUp(*node->second);
      if (!(unreachable && Lives(*task) && task->desired_state == pb::REMOVE)) {
        Say(*task, "belongs to no service");
      }
      return true;
    });
    return std::move(faults_);
  }

 private:
  using Place = std::pair<std::uint64_t, std::string>;

  void Say(const std::string& what) { faults_.push_back(what); }
  void Say(const Task& task, const std::string& what) {
    Say("task " + task.id + " of " + task.service_id + ": " + what);
  }

  void CheckService(const pb::Service& service) {
    const bool global = service.spec().has_global();
    std::map<Place, std::vector<TaskPtr>> places;
    (void)reader_.FindTasks(By::Service(service.id()), [&](const TaskPtr& task) {
      places[global ? Place{0, task->node_id} : Place{task->slot, ""}].push_back(task);
      return true;
    });
    std::size_t occupied = 0;
    for (const auto& [place, tasks] : places) {
      occupied += CheckPlace(service, tasks) ? 1 : 0;
    }
    const auto& restart = service.spec().task().restart();
    // What ended under an earlier version's policy waits for the update that replaces it.
    const bool always = restart.condition() == pb::RestartPolicy::ANY &&
                        restart.max_attempts() == 0 && !UpdateUnderWay(service);
    if (global) {
      CheckGlobal(service, places, always);
      return;
    }
    const std::uint64_t wanted = service.spec().replicated().replicas();
    if (occupied > wanted || (always && occupied < wanted)) {
      Say("service " + service.id() + " has " + std::to_string(occupied) + " of " +
          std::to_string(wanted) + " tasks");
    }
    if (!always && places.size() < wanted) Say("service " + service.id() + " lost a slot");
  }

  // Whether the place has a wanted task.
  bool CheckPlace(const pb::Service& service, const std::vector<TaskPtr>& tasks) {
    const auto wanted =
        static_cast<std::size_t>(std::count_if(tasks.begin(), tasks.end(), [](const TaskPtr& task) {
          return task->desired_state <= pb::RUNNING;
        }));
    std::size_t running = 0;
    std::size_t ended = 0;
    for (const TaskPtr& task : tasks) {
      const bool unassigned = task->status.state < pb::ASSIGNED;
      ended += IsTerminal(task->status.state) || (unassigned && task->desired_state > pb::RUNNING)
                   ? 1
                   : 0;
      if (task->desired_state > pb::RUNNING) continue;
      if (task->status.state == pb::RUNNING) ++running;
      CheckWanted(service, *task, UpdateUnderWay(service) || wanted > 1);
    }
    const Task& any = *tasks.front();
    seen_.running += running;
    seen_.history += ended;
    if (running > 1) Say(any, "runs twice in its slot");
    const bool start_first = service.spec().update().order() == pb::UpdateConfig::START_FIRST ||
                             service.spec().rollback().order() == pb::UpdateConfig::START_FIRST;
    if (wanted > (start_first || UpdateUnderWay(service) ? 2u : 1u)) {
      Say(any, "is wanted " + std::to_string(wanted) + " times in its slot");
    }
    const std::uint64_t attempts = service.spec().task().restart().max_attempts();
    const std::uint64_t limit = attempts > 0 ? attempts + 1 : static_cast<std::uint64_t>(limit_);
    // Where nothing is wanted, the last one stays even beside those that lost nodes still have.
    const std::uint64_t least = wanted == 0 ? tasks.size() - ended + 1 : 0;
    if (ended > 0 && tasks.size() > std::max(limit, least)) {
      Say(any, "has " + std::to_string(tasks.size()) + " tasks in its slot, " +
                   std::to_string(ended) + " of them ended");
    }
    return wanted > 0;
  }

  // `replaced`: what runs may still be of an earlier version.
  void CheckWanted(const pb::Service& service, const Task& task, bool replaced) {
    const auto node = nodes_.find(task.node_id);
    if (!task.node_id.empty() && node == nodes_.end()) {
      return Say(task, "is on a node that is gone");
    }
    if (task.status.state == pb::PENDING) return CheckWaiting(task);
    if (task.status.state != pb::RUNNING) {
      return Say(task, "rests in state " + pb::TaskState_Name(task.status.state));
    }
    if (!IsUp(*node->second) || node->second->spec().availability() == pb::NodeSpec::DRAIN) {
      Say(task, "is wanted on a node that is down or drained");
    }
    // An update that waits has not replaced all tasks yet; they are where they were asked to be.
    const bool old_version = replaced && Matches(*task.spec, *node->second);
    if (IsActive(*node->second) && !old_version && !Matches(service.spec().task(), *node->second)) {
      Say(task, "is on a node that breaks its constraints");
    }
  }

  void CheckWaiting(const Task& task) {
    ++seen_.waiting;
    if (task.status.err.empty()) Say(task, "waits without a reason");
    for (const auto& [id, node] : nodes_) {
      if (!task.node_id.empty() && task.node_id != id) continue;
      if (CouldTake(reader_, *node, task)) Say(task, "waits, but " + id + " could take it");
    }
  }

  void CheckGlobal(const pb::Service& service, const std::map<Place, std::vector<TaskPtr>>& places,
                   bool always) {
    for (const auto& [id, node] : nodes_) {
      const auto found = places.find({0, id});
      std::size_t wanted = 0;
      if (found != places.end()) {
        for (const TaskPtr& task : found->second) wanted += task->desired_state <= pb::RUNNING;
      }
      const bool lost = !IsUp(*node) || node->spec().availability() == pb::NodeSpec::DRAIN;
      const bool mine = !lost && Matches(service.spec().task(), *node);
      if (!mine && wanted > 0 && !(node->spec().availability() == pb::NodeSpec::PAUSE && !lost)) {
        Say("service " + service.id() + " is on " + id + ", where it must not be");
      }
      if (mine && IsActive(*node) && always && wanted == 0) {
        Say("service " + service.id() + " is missing on " + id);
      }
    }
  }

  void CheckNode(const pb::Node& node) {
    const Load load = LoadOf(reader_, node.id());
    for (const auto& port : load.ports) {
      if (load.ports.count(port) > 1) {
        Say("node " + node.id() + " has port " + std::to_string(port.second) + " twice");
      }
    }
    for (const std::string& name : load.named) {
      if (load.named.count(name) > 1) Say("node " + node.id() + " gave " + name + " twice");
    }
    // What is paused or down keeps what it has, even if it became too small for that.
    if (!IsActive(node) || !IsUp(node)) return;
    if (load.cpu > node.description().resources().nano_cpus()) {
      Say("node " + node.id() + " has given more CPU than it has");
    }
    if (FreeGeneric(node, load, "gpu") < 0) Say("node " + node.id() + " has too few gpus");
  }

  const Reader& reader_;
  Seen& seen_;
  std::map<std::string, NodePtr> nodes_;
  std::int64_t limit_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace

bool CouldTake(const Reader& reader, const pb::Node& node, const Task& task) {
  if (!IsUp(node) || !IsActive(node) || !Matches(*task.spec, node)) return false;
  const Load load = LoadOf(reader, node.id());
  const pb::Resources& wanted = task.spec->resources().reservations();
  if (wanted.nano_cpus() > 0 &&
      load.cpu + wanted.nano_cpus() > node.description().resources().nano_cpus()) {
    return false;
  }
  for (const auto& resource : wanted.generic()) {
    const auto& need = resource.discrete_resource_spec();
    if (FreeGeneric(node, load, need.kind()) < need.value()) return false;
  }
  for (const auto& port : PortsOf(task)) {
    if (load.ports.contains(port)) return false;
  }
  const std::uint64_t most = task.spec->placement().max_replicas();
  const auto active = load.active.find(task.service_id);
  return most == 0 || active == load.active.end() || active->second < most;
}

std::vector<std::string> FindFaults(const Reader& reader, Seen& seen) {
  return Check(reader, seen).Run();
}

bool DependsOnItsNodes(const Reader& reader, const pb::Service& service) {
  const std::string asked = service.spec().task().placement().SerializeAsString();
  // By place: whether something is wanted there, and whether that, or all else, is left over.
  std::map<std::pair<std::uint64_t, std::string>, std::pair<bool, bool>> places;
  (void)reader.FindTasks(By::Service(service.id()), [&](const TaskPtr& task) {
    auto& [wanted, left] = places[{task->slot, task->slot == 0 ? task->node_id : ""}];
    const bool its = task->desired_state <= pb::RUNNING;
    if (its && !wanted) left = false;
    if (its || !wanted) left |= task->spec->placement().SerializeAsString() != asked;
    wanted |= its;
    return true;
  });
  return std::any_of(places.begin(), places.end(),
                     [](const auto& place) { return place.second.second; });
}

bool AnyUpdateUnderWay(const Reader& reader) {
  bool found = false;
  (void)reader.FindMessages(Table::kService, By::All(), [&found](const MessagePtr& service) {
    found = UpdateUnderWay(static_cast<const pb::Service&>(*service));
    return !found;
  });
  return found;
}

}  // namespace swarm::test
