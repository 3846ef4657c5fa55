#include "placement.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace swarm::scheduler {
namespace {

constexpr std::string_view kNodeLabels = "node.labels.";
constexpr std::string_view kEngineLabels = "engine.labels.";

bool StartsWithNoCase(std::string_view text, std::string_view prefix) {
  if (text.size() <= prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != prefix[i]) return false;
  }
  return true;
}

using Labels = google::protobuf::Map<std::string, std::string>;

std::string LabelOf(const Labels& labels, std::string_view key) {
  const auto found = labels.find(std::string(key));
  return found == labels.end() ? std::string() : found->second;
}

// The value of each level that counts; a node without the label has "".
std::vector<std::string> PathOf(const pb::Placement& placement, const pb::Node& node) {
  std::vector<std::string> path;
  for (const auto& preference : placement.preferences()) {
    const std::string_view by = preference.spread().spread_descriptor();
    if (StartsWithNoCase(by, kNodeLabels)) {
      path.push_back(LabelOf(node.spec().annotations().labels(), by.substr(kNodeLabels.size())));
    } else if (StartsWithNoCase(by, kEngineLabels)) {
      path.push_back(
          LabelOf(node.description().engine().labels(), by.substr(kEngineLabels.size())));
    }
  }
  return path;
}

}  // namespace

bool SpreadsOverLabels(const pb::Placement& placement) {
  return !PathOf(placement, pb::Node::default_instance()).empty();
}

void Ranking::Add(NodeState* node, Rank rank) {
  heap_.push_back({rank, node});
  std::push_heap(heap_.begin(), heap_.end(),
                 [](const Entry& a, const Entry& b) { return a.rank > b.rank; });
}

std::pair<NodeState*, Rank> Ranking::Take() {
  std::pop_heap(heap_.begin(), heap_.end(),
                [](const Entry& a, const Entry& b) { return a.rank > b.rank; });
  const Entry best = heap_.back();
  heap_.pop_back();
  return {best.node, best.rank};
}

PlacementTree::PlacementTree(PlacementRequest& request, const std::vector<NodeState*>& nodes)
    : request_(request) {
  for (NodeState* node : nodes) {
    const std::uint64_t active = node->ActiveOf(request_.service);
    Branch* branch = &root_;
    branch->tasks += active;
    // Nodes that cannot take tasks count too: what runs there is part of the balance.
    for (std::string& value : PathOf(request_.placement, node->node())) {
      auto& child = branch->children[std::move(value)];
      if (!child) child = std::make_unique<Branch>();
      branch = child.get();
      branch->tasks += active;
    }
    if (request_.pipeline.Check(*node)) {
      branch->ranking.Add(node, RankOf(*node, request_.random.Next()));
    }
  }
}

std::uint64_t PlacementTree::TasksForTest(const std::vector<std::string>& values) const {
  const Branch* branch = &root_;
  for (const std::string& value : values) {
    const auto child = branch->children.find(value);
    if (child == branch->children.end()) return 0;
    branch = child->second.get();
  }
  return branch->tasks;
}

Rank PlacementTree::RankOf(const NodeState& node, std::uint64_t tie) const {
  const std::size_t failures = node.Failures(request_.failure_key, request_.now);
  return {failures >= kManyFailures ? failures : 0, node.ActiveOf(request_.service), node.active(),
          tie};
}

std::uint64_t PlacementTree::PlaceIn(Branch& branch, std::uint64_t count) {
  const std::uint64_t placed =
      branch.children.empty() ? PlaceOnNodes(branch, count) : PlaceInChildren(branch, count);
  branch.tasks += placed;
  return placed;
}

std::uint64_t PlacementTree::PlaceOnNodes(Branch& leaf, std::uint64_t count) {
  std::uint64_t placed = 0;
  while (placed < count && !leaf.ranking.empty()) {
    const auto [node, rank] = leaf.ranking.Take();
    request_.assign(*node);
    ++placed;
    if (request_.pipeline.Check(*node)) leaf.ranking.Add(node, RankOf(*node, rank.tie));
  }
  return placed;
}

std::uint64_t PlacementTree::PlaceInChildren(Branch& branch, std::uint64_t count) {
  std::vector<Branch*> usable;
  for (const auto& [value, child] : branch.children) usable.push_back(child.get());
  // Who gets what cannot be shared evenly is decided by chance.
  for (std::size_t i = usable.size(); i > 1; --i) {
    std::swap(usable[i - 1], usable[request_.random.Below(i)]);
  }
  std::uint64_t placed = 0;
  bool tried = true;
  while (placed < count && !usable.empty() && tried) {
    tried = false;
    std::uint64_t total = count - placed;
    for (const Branch* child : usable) total += child->tasks;
    const std::uint64_t share = total / usable.size();
    std::uint64_t remainder = total % usable.size();
    std::vector<Branch*> still_usable;
    for (Branch* child : usable) {
      const std::uint64_t goal = share + (remainder > 0 ? 1 : 0);
      if (child->tasks >= goal || placed == count) {
        still_usable.push_back(child);
        continue;
      }
      tried = true;
      const std::uint64_t ask = std::min(goal - child->tasks, count - placed);
      const std::uint64_t got = PlaceIn(*child, ask);
      placed += got;
      if (got < ask) continue;
      if (remainder > 0) --remainder;
      still_usable.push_back(child);
    }
    usable = std::move(still_usable);
  }
  return placed;
}

namespace {

// Nodes that have nothing of the service yet are the best ones, those with the fewest tasks first:
// a few tasks need no more than a look at the first of them. False, and nothing is placed, when
// that does not give each task a node.
bool PlaceOnFreshNodes(PlacementRequest& request, NodeTable& nodes, std::uint64_t count) {
  if (count * 2 > nodes.size() || SpreadsOverLabels(request.placement)) return false;
  std::uint64_t looks = 64 + 8 * count;
  std::vector<NodeState*> found;
  nodes.VisitByLoad([&](NodeState& node) {
    const bool fresh = node.ActiveOf(request.service) == 0 &&
                       node.Failures(request.failure_key, request.now) < kManyFailures;
    if (fresh && request.pipeline.Check(node)) found.push_back(&node);
    return found.size() < count && --looks > 0;
  });
  if (found.size() < count) return false;
  for (NodeState* node : found) request.assign(*node);
  return true;
}

}  // namespace

std::uint64_t PlaceTasks(PlacementRequest& request, NodeTable& nodes, std::uint64_t count) {
  if (PlaceOnFreshNodes(request, nodes, count)) return count;
  return PlacementTree(request, nodes.All()).Place(count);
}

}  // namespace swarm::scheduler
