// Spreads equal tasks over nodes: first over the values of the labels that the preferences name,
// then over the nodes that share them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "filters.h"
#include "node_table.h"

namespace swarm::scheduler {

// What makes one node better than another for a group of tasks.
struct Rank {
  std::size_t failures = 0;  // 0 below the threshold
  std::uint32_t of_service = 0;
  std::uint32_t total = 0;
  std::uint64_t tie = 0;  // by chance
  friend auto operator<=>(const Rank&, const Rank&) = default;
};

// Nodes that may take a task now, best first. A task costs O(log nodes).
class Ranking {
 public:
  void Add(NodeState* node, Rank rank);
  bool empty() const { return heap_.empty(); }
  // Takes the best one out.
  std::pair<NodeState*, Rank> Take();

 private:
  struct Entry {
    Rank rank;
    NodeState* node;
  };
  std::vector<Entry> heap_;
};

// One group of equal tasks being placed.
struct PlacementRequest {
  const pb::Placement& placement;
  const Pipeline& pipeline;
  ServiceNumber service;
  FailureKey failure_key;
  SteadyTime now;
  Random& random;
  // Gives the next task to the node, and counts it there.
  Function<void(NodeState&)> assign;
};

// Whether the preferences name a label to spread over.
bool SpreadsOverLabels(const pb::Placement& placement);

class PlacementTree {
 public:
  // Borrows the request and the nodes.
  PlacementTree(PlacementRequest& request, const std::vector<NodeState*>& nodes);
  // Places up to `count` tasks; how many found a node.
  std::uint64_t Place(std::uint64_t count) { return PlaceIn(root_, count); }
  // Tasks of the service below the values of the first levels, those on nodes that fail included.
  std::uint64_t TasksForTest(const std::vector<std::string>& values) const;

 private:
  struct Branch {
    std::uint64_t tasks = 0;  // of the service, on all nodes below
    std::map<std::string, std::unique_ptr<Branch>> children;
    Ranking ranking;  // of a leaf
  };
  std::uint64_t PlaceIn(Branch& branch, std::uint64_t count);
  std::uint64_t PlaceOnNodes(Branch& leaf, std::uint64_t count);
  std::uint64_t PlaceInChildren(Branch& branch, std::uint64_t count);
  Rank RankOf(const NodeState& node, std::uint64_t tie) const;

  PlacementRequest& request_;
  Branch root_;
};

// Places up to `count` tasks on any nodes; how many found one.
std::uint64_t PlaceTasks(PlacementRequest& request, NodeTable& nodes, std::uint64_t count);

}  // namespace swarm::scheduler
