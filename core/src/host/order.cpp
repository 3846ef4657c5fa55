#include "host/order.h"

#include <algorithm>

namespace swarm::host {
namespace {

// Why one unit starts after another.
struct Edge {
  std::size_t before;
  std::string reason;
};

std::vector<std::vector<Edge>> EdgesOf(const std::vector<PlannedUnit>& units) {
  std::vector<std::vector<Edge>> edges(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    const std::string& name = units[i].configured->name;
    const std::vector<std::string> after = SplitList(units[i].unit->after);
    for (std::size_t j = 0; j < units.size(); ++j) {
      const std::string& other = units[j].configured->name;
      const auto& needs = units[i].requirements;
      if (std::find(needs.begin(), needs.end(), units[j].unit->role) != needs.end()) {
        edges[i].push_back({j, name + " requires " + units[j].unit->role + " of " + other});
      } else if (i != j && std::find(after.begin(), after.end(),
                                     units[j].configured->descriptor->name) != after.end()) {
        edges[i].push_back({j, name + " starts after " + other});
      }
    }
  }
  return edges;
}

// Depth first; the path is the circle's once a unit on it is met again.
class CycleFinder {
 public:
  explicit CycleFinder(const std::vector<std::vector<Edge>>& edges)
      : edges_(edges), state_(edges.size(), State::kNew) {}

  std::string Find() {
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      if (state_[i] == State::kNew && Visit(i)) return text_;
    }
    return {};
  }

 private:
  enum class State : unsigned char { kNew, kOnPath, kDone };

  bool Visit(std::size_t unit) {
    state_[unit] = State::kOnPath;
    for (const Edge& edge : edges_[unit]) {
      path_.push_back({unit, &edge});
      if (state_[edge.before] == State::kOnPath) {
        Describe(edge.before);
        return true;
      }
      if (state_[edge.before] == State::kNew && Visit(edge.before)) return true;
      path_.pop_back();
    }
    state_[unit] = State::kDone;
    return false;
  }

  void Describe(std::size_t first) {
    bool inside = false;
    for (const auto& [unit, edge] : path_) {
      inside = inside || unit == first;
      if (!inside) continue;
      if (!text_.empty()) text_ += ", ";
      text_ += edge->reason;
    }
  }

  const std::vector<std::vector<Edge>>& edges_;
  std::vector<State> state_;
  std::vector<std::pair<std::size_t, const Edge*>> path_;
  std::string text_;
};

}  // namespace

OrderResult OrderUnits(const std::vector<PlannedUnit>& units) {
  const auto edges = EdgesOf(units);
  OrderResult result;
  result.cycle = CycleFinder(edges).Find();
  if (!result.cycle.empty()) return result;
  std::vector<bool> placed(units.size(), false);
  while (result.order.size() < units.size()) {
    // Always the first that can, so that the order follows the configuration.
    for (std::size_t i = 0; i < units.size(); ++i) {
      const bool ready = !placed[i] && std::all_of(edges[i].begin(), edges[i].end(),
                                                   [&](const Edge& e) { return placed[e.before]; });
      if (!ready) continue;
      placed[i] = true;
      result.order.push_back(i);
      break;
    }
  }
  return result;
}

}  // namespace swarm::host
