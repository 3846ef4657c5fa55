// What a task's specification means for a process on this node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control_groups.h"
#include "plan.h"
#include "swarm/executor.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::executor_process {

// What swarmd itself may do on this machine.
struct Permissions {
  std::uint64_t capabilities = 0;
  bool Has(int capability) const { return (capabilities >> capability & 1) != 0; }
};
Permissions OwnPermissions();

// Settings and circumstances of the node. Constant once the executor has started.
struct NodeRules {
  std::string state_dir;
  std::string user;  // of tasks that name none; empty: swarmd's
  std::uint64_t capabilities = ~std::uint64_t{0};
  bool no_new_privileges = false;
  std::int64_t output_size = 10 << 20;
  std::int64_t output_files = 5;
  bool run_unlimited = false;  // tasks whose limits cannot be enforced
  std::string cgroup_parent;   // empty: no control groups
  std::string group_suffix;    // tells this executor's control groups from others
  Permissions permissions;
  ControlGroups groups;
};

// How a task's process is stopped and what is told of it, while it runs.
struct TaskManners {
  int stop_signal = 15;
  Duration grace = std::chrono::seconds(10);
  bool health = false;
  std::int64_t memory_limit = 0;
  std::vector<pb::PortConfig> ports;
};

struct TaskSetup {
  // The secret or config that the plan's file of the same number is.
  struct Source {
    bool secret = true;
    std::string id;
  };
  Plan plan;  // without what its files hold
  std::vector<Source> sources;
  TaskManners manners;
};

// InvalidArgument or Unimplemented when a process cannot be what the task asks for;
// FailedPrecondition when it cannot be on this node.
Result<TaskSetup> SetUp(const pb::Task& task, const NodeRules& rules);

// "SIGTERM", "TERM" or "15".
Result<int> ParseSignal(std::string_view text);
// Bits of names such as "NET_ADMIN", "CAP_NET_ADMIN" or "ALL".
Result<std::uint64_t> ParseCapabilities(const std::vector<std::string>& names);

// --- parts, of one subject each ---

Status Unsupported(std::string_view what);
Status NotPermitted(std::string_view what);
Status SetUpIdentity(const pb::ContainerSpec& container, const NodeRules& rules, Plan* plan);
Status SetUpLimits(const pb::Task& task, const NodeRules& rules, Plan* plan);
Status SetUpHealth(const pb::HealthConfig& config, PlanHealth* out);
Status SetUpMounts(const pb::Task& task, const NodeRules& rules, Plan* plan);
Status SetUpFiles(const pb::ContainerSpec& container, const NodeRules& rules, TaskSetup* out);
Status SetUpOutput(const pb::Driver& driver, Plan* plan);

}  // namespace swarm::executor_process
