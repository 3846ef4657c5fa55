// A task as the manager keeps it: of tasks there are very many, so what equal tasks have in common
// (spec, service annotations, endpoint) is shared, and protobuf tasks exist only at the edges.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "swarm/export.h"
#include "swarm/ids.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm {

namespace pb = ::docker::swarmkit::v1;

// The parts few tasks have.
struct TaskExtras {
  pb::Annotations annotations;
  std::vector<pb::NetworkAttachment> networks;
  std::vector<pb::GenericResource> assigned_generic_resources;
  std::vector<pb::VolumeAttachment> volumes;
  std::shared_ptr<const pb::Driver> log_driver;  // null: absent
  std::uint64_t job_iteration = 0;
  bool has_job_iteration = false;
  pb::PortStatus port_status;
  bool has_port_status = false;
  std::string unknown_fields;  // of a newer peer, kept as they came
};

// Nanoseconds since 1970; 0 with has_* false is "absent".
struct TaskTime {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
  bool present = false;
  friend bool operator==(const TaskTime&, const TaskTime&) = default;
  friend auto operator<=>(const TaskTime&, const TaskTime&) = default;
};

struct TaskContainerStatus {
  std::string container_id;
  std::int32_t pid = 0;
  std::int32_t exit_code = 0;
  friend bool operator==(const TaskContainerStatus&, const TaskContainerStatus&) = default;
};

struct TaskStatusValue {
  pb::TaskState state = pb::NEW;
  TaskTime timestamp;
  TaskTime applied_at;
  std::string message;
  std::string err;
  std::string applied_by;
  std::shared_ptr<const TaskContainerStatus> container;  // null: absent
};

// Immutable once the store has it. To change one: copy, edit, Transaction::UpdateTask.
struct Task {
  std::string id;
  std::uint64_t version = 0;  // meta.version.index
  TaskTime created_at;
  TaskTime updated_at;

  std::shared_ptr<const pb::TaskSpec> spec;  // never null in a stored task
  std::uint64_t spec_version = 0;
  bool has_spec_version = false;

  std::string service_id;
  std::uint64_t slot = 0;
  std::string node_id;
  std::shared_ptr<const pb::Annotations> service_annotations;  // never null in a stored task
  pb::TaskState desired_state = pb::NEW;
  TaskStatusValue status;
  std::shared_ptr<const pb::Endpoint> endpoint;  // null: absent
  std::shared_ptr<const TaskExtras> extras;      // null: all empty
};

using TaskPtr = std::shared_ptr<const Task>;

// Exact both ways, unknown fields included.
SWARM_EXPORT Task TaskFromProto(const pb::Task& task);
SWARM_EXPORT void TaskToProto(const Task& task, pb::Task* out);
SWARM_EXPORT pb::Task TaskToProto(const Task& task);

SWARM_EXPORT TaskStatusValue StatusFromProto(const pb::TaskStatus& status);

// annotations.name, else "<service>.<slot, or node when 0>.<task id>".
SWARM_EXPORT std::string TaskName(const Task& task);
// "container", "attachment", the lower-cased generic kind, or "" when there is no runtime.
SWARM_EXPORT std::string RuntimeName(const pb::TaskSpec& spec);
// applied_at, else the status' timestamp: what tasks are sorted and restart windows counted by.
SWARM_EXPORT TaskTime TaskTimestamp(const Task& task);

// "> RUNNING": the task will never run again.
inline bool IsTerminal(pb::TaskState state) { return state > pb::RUNNING; }

}  // namespace swarm
