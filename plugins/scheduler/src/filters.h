// Which nodes may run a task, and if none may, why.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "constraint/constraint.h"
#include "node_state.h"

namespace swarm::scheduler {

enum class Filter : std::size_t {
  kReady,
  kResources,
  kPlugins,
  kConstraints,
  kPlatform,
  kHostPort,
  kMaxReplicas,
  kVolumes,
  kCount,
};

// The filters that matter for a task, made once for all equal tasks.
// Threading: one user at a time. Borrows the task's parts while it lives.
class Pipeline {
 public:
  Pipeline(const Task& task, ServiceNumber service);

  // Whether the node passes; a failure is counted for Explain under the first filter it fails.
  bool Check(const NodeState& node);
  void Reset() { failures_.fill(0); }
  // "2 nodes not available for new tasks; insufficient resources on 1 node", or "".
  std::string Explain() const;

 private:
  bool Passes(Filter filter, const NodeState& node) const;

  const TaskPtr keep_;
  const Task& task_;
  const ServiceNumber service_;
  std::vector<Filter> enabled_;
  std::vector<constraint::Constraint> constraints_;
  std::vector<HostPort> ports_;
  std::array<int, static_cast<std::size_t>(Filter::kCount)> failures_{};
};

}  // namespace swarm::scheduler
