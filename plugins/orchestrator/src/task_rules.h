// Rules that all kinds of services share: which nodes are lost, which tasks are out of date, what
// a new task looks like.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/runtime.h"
#include "swarm/store.h"
#include "swarm/task.h"

namespace swarm::orchestrator {

using ServicePtr = std::shared_ptr<const pb::Service>;
using NodePtr = std::shared_ptr<const pb::Node>;
using ClusterPtr = std::shared_ptr<const pb::Cluster>;

enum class Mode : std::uint8_t { kReplicated, kGlobal, kOther };
Mode ModeOf(const pb::Service& service);

// Where a task stands in its service: a number for replicated services, a node for global ones.
struct SlotKey {
  std::uint64_t number = 0;
  std::string node_id;
  friend auto operator<=>(const SlotKey&, const SlotKey&) = default;
};
SlotKey SlotOf(const Task& task);

// The tasks of one slot that matter for an update.
using Slot = std::vector<TaskPtr>;

// Missing, down or drained: what it runs must run elsewhere.
bool IsInvalid(const pb::Node* node);

// Whether the task differs from what its service asks for now. `node`: where it is, null if
// unknown.
bool IsDirty(const pb::Service& service, const Task& task, const pb::Node* node);
// Not dirty, with the node looked up.
bool IsUpToDate(const pb::Service& service, const Task& task, const View& view);

// Whose turn it was last in a slot of which nothing is wanted any more, or null. That is the one
// made last, however long those before it took to stop; unless that one was given up for an older
// one, by a rollback.
TaskPtr LastOf(const pb::Service& service, const Slot& tasks, const View& view);

// What the tasks of one version of a service have in common; shared by all of them.
struct SharedParts {
  std::shared_ptr<const pb::TaskSpec> spec;
  std::shared_ptr<const pb::Annotations> annotations;
  std::shared_ptr<const pb::Endpoint> endpoint;  // null: the service has none
  std::shared_ptr<const TaskExtras> extras;      // null: no log driver
  std::uint64_t spec_version = 0;
  bool has_spec_version = false;
};
using SharedPartsPtr = std::shared_ptr<const SharedParts>;

// Makes them, and finds those that are equal to the last ones of the service.
class PartsCache {
 public:
  SharedPartsPtr For(const ServicePtr& service, const ClusterPtr& cluster);
  void Forget(const std::string& service_id) { entries_.erase(service_id); }

 private:
  struct Entry {
    ServicePtr service;
    ClusterPtr cluster;
    SharedPartsPtr parts;
  };
  std::map<std::string, Entry> entries_;
};

std::shared_ptr<Task> NewTask(const SharedParts& parts, std::string id, std::string service_id,
                              const SlotKey& slot, pb::TaskState desired, TaskTime now);

// Raises the desired state; a task that is gone, or wants that much already, stays as it is.
Status RaiseDesired(Transaction& tx, std::string_view task_id, pb::TaskState desired);

// The one cluster object, or null.
ClusterPtr FindCluster(const Reader& reader);

}  // namespace swarm::orchestrator
