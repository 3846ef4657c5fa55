// What the scheduler knows of one node: what it offers, and what the tasks on it have taken.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "swarm/runtime.h"
#include "swarm/task.h"

namespace swarm::scheduler {

using NodePtr = std::shared_ptr<const pb::Node>;
// A service's small number: node counters are kept by it instead of by its name.
using ServiceNumber = std::uint32_t;

// A port published on the node itself: protocol and number.
using HostPort = std::pair<pb::PortConfig::Protocol, std::uint32_t>;
std::vector<HostPort> HostPortsOf(const Task& task);

// How much of a kind of generic resource is asked for.
struct GenericNeed {
  std::string kind;
  std::int64_t count = 0;
};
// One entry a kind, also if the resources name it twice.
std::vector<GenericNeed> GenericNeedsOf(const pb::Resources& wanted);

// Failures of tasks of one service version on a node.
struct FailureKey {
  ServiceNumber service = 0;
  std::uint64_t version = 0;
  friend auto operator<=>(const FailureKey&, const FailureKey&) = default;
};

inline constexpr Duration kFailureWindow = std::chrono::minutes(5);
inline constexpr std::size_t kManyFailures = 5;

// A node's place in lists; never given to another one.
using NodeIndex = std::uint32_t;

class NodeState {
 public:
  NodeState(NodeIndex index, NodePtr node) : index_(index), node_(std::move(node)) {}
  NodeIndex index() const { return index_; }
  const pb::Node& node() const { return *node_; }
  const NodePtr& shared() const { return node_; }
  void SetNode(NodePtr node) { node_ = std::move(node); }
  // Ready and active: new tasks may come.
  bool open() const;

  // Adds what the task takes, or with -1 gives it back; the same task value both times.
  void Count(const Task& task, ServiceNumber service, int sign);

  std::int64_t FreeCpu() const;
  std::int64_t FreeMemory() const;
  // Whether enough is left of every kind that is asked for.
  bool HasGeneric(const std::vector<GenericNeed>& needs) const;
  // What a task would be given of the node's; to be counted with the task it is written into.
  std::vector<pb::GenericResource> PickGeneric(const std::vector<GenericNeed>& needs) const;

  std::uint32_t active() const { return active_; }
  std::uint32_t ActiveOf(ServiceNumber service) const;
  bool Uses(const HostPort& port) const { return ports_.contains(port); }

  void RecordFailure(const FailureKey& key, SteadyTime now);
  std::size_t Failures(const FailureKey& key, SteadyTime now) const;

 private:
  const NodeIndex index_;
  NodePtr node_;
  std::int64_t cpu_taken_ = 0;
  std::int64_t memory_taken_ = 0;
  std::map<std::string, std::int64_t> discrete_taken_;
  std::map<std::string, std::multiset<std::string>> named_taken_;
  std::uint32_t active_ = 0;
  std::unordered_map<ServiceNumber, std::uint32_t> active_by_service_;
  std::map<HostPort, int> ports_;  // counted: two tasks may overlap while one stops
  std::map<FailureKey, std::vector<SteadyTime>> failures_;
};

}  // namespace swarm::scheduler
