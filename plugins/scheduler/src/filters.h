// Which nodes may run a task, and if none may, why.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "constraint/constraint.h"
#include "node_state.h"

namespace swarm::scheduler {

enum class Filter : std::uint8_t {
  kReady,
  kResources,
  kPlugins,
  kConstraints,
  kPlatform,
  kHostPort,
  kMaxReplicas,
  kVolumes,
  kNone,  // passes all
};

// The filters that matter for a task, made once for all equal tasks. Threading: one user at a time.
class Pipeline {
 public:
  Pipeline(TaskPtr task, ServiceNumber service);

  // The first filter that the node fails.
  Filter FirstFailure(const NodeState& node) const;
  bool Check(const NodeState& node) const { return FirstFailure(node) == Filter::kNone; }
  const std::vector<GenericNeed>& generic() const { return generic_; }

 private:
  bool Passes(Filter filter, const NodeState& node) const;

  const TaskPtr task_;
  const ServiceNumber service_;
  std::vector<Filter> enabled_;
  std::vector<constraint::Constraint> constraints_;
  std::vector<HostPort> ports_;
  std::vector<GenericNeed> generic_;
};

// What keeps each node from taking a task; kept up to date node by node.
class Verdicts {
 public:
  // kNone: it is kept by nothing, or there is no such node any more.
  void Set(NodeIndex node, Filter filter);
  // "2 nodes not available for new tasks; insufficient resources on 1 node", or "".
  std::string Explain() const;

 private:
  std::vector<Filter> by_node_;
  std::array<int, static_cast<std::size_t>(Filter::kNone)> counts_{};
};

}  // namespace swarm::scheduler
