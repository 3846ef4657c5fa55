// On which networks the tasks of each node are. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "swarm/task.h"

namespace swarm::allocator {

class NodeUsage {
 public:
  // The nodes whose networks this changed, at most two.
  std::set<std::string> Set(const Task& task) {
    std::set<std::string> changed = Remove(task.id);
    if (IsTerminal(task.status.state) || task.node_id.empty() || !task.extras) return changed;
    Place place{task.node_id, {}};
    for (const auto& attachment : task.extras->networks) {
      place.networks.push_back(attachment.network().id());
    }
    if (place.networks.empty()) return changed;
    for (const std::string& id : place.networks) ++nodes_[place.node][id];
    changed.insert(place.node);
    places_[task.id] = std::move(place);
    return changed;
  }
  std::set<std::string> Remove(const std::string& task_id) {
    const auto found = places_.find(task_id);
    if (found == places_.end()) return {};
    auto& networks = nodes_[found->second.node];
    for (const std::string& id : found->second.networks) {
      if (--networks[id] == 0) networks.erase(id);
    }
    std::set<std::string> changed{found->second.node};
    if (networks.empty()) nodes_.erase(found->second.node);
    places_.erase(found);
    return changed;
  }
  std::set<std::string> NetworksOf(const std::string& node_id) const {
    std::set<std::string> out;
    const auto found = nodes_.find(node_id);
    if (found == nodes_.end()) return out;
    for (const auto& [id, count] : found->second) out.insert(id);
    return out;
  }

 private:
  struct Place {
    std::string node;
    std::vector<std::string> networks;
  };
  std::map<std::string, Place> places_;  // by task
  std::map<std::string, std::map<std::string, int>> nodes_;
};

}  // namespace swarm::allocator
