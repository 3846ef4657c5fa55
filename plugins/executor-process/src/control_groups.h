// The control groups of this machine, version 1, 2 or both at once, and what of a task's limits
// they can enforce.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan.h"

namespace swarm::executor_process {

struct ResourceLimits {
  std::int64_t memory = 0;  // bytes; 0: none
  std::int64_t nano_cpus = 0;
  std::int64_t pids = 0;
  std::optional<std::int64_t> swap;  // bytes; -1: any
  std::optional<std::int64_t> swappiness;
};

// Threading: [any] once detected.
class ControlGroups {
 public:
  ControlGroups() = default;
  // Looks for them in the text of /proc/self/mountinfo and makes the folder `parent` in each, below
  // which tasks get theirs. An empty `parent`: none are used.
  static ControlGroups Detect(std::string_view mountinfo, std::string_view parent);

  // For the task: sets the plan's groups. What cannot be enforced here, as a text each.
  std::vector<std::string> Apply(const std::string& name, const ResourceLimits& limits,
                                 Plan* plan) const;
  // All groups that a task of this name may have.
  std::vector<PlanGroup> All(const std::string& name) const;
  // Names in them that end with `suffix`.
  std::vector<std::string> Names(std::string_view suffix) const;
  // Removes the parents of version 1, where no task is left.
  void RemoveParents() const;
  // "memory (v1), pids (v2)", or why there are none.
  std::string Describe() const;

 private:
  struct Controller {
    std::string folder;  // the parent
    int version = 0;
  };
  void AddFirst(const std::string& options, const std::string& mount, std::string_view parent);
  void AddSecond(const std::string& mount, std::string_view parent);
  bool MakeParent(const std::string& folder);
  std::vector<std::string> Folders() const;

  std::map<std::string, Controller> controllers_;  // of memory, cpu, pids
  std::string tracking_;                           // a parent without controllers, at least
  std::string why_not_;
};

}  // namespace swarm::executor_process
