// Which nodes one subscription concerns, and which of them have told all. Pure: no clock, no calls.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "swarm/status.h"
#include "swarm/store.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::logbroker {

class Selection {
 public:
  Selection(const pb::LogSelector& selector, bool follow);

  // The nodes of what is selected now. Without follow, a service's tasks count from RUNNING on.
  void Load(const Reader& reader);
  // Follow only: a task was made or changed. The node that is concerned by it for the first time.
  std::optional<std::string> OnTask(const Task& task);

  bool follow() const { return follow_; }
  // By its id or its service.
  bool Selects(const Task& task) const {
    return task_ids_.contains(task.id) || service_ids_.contains(task.service_id);
  }
  // Also of nodes that are done.
  bool Concerns(const std::string& node_id) const { return nodes_.contains(node_id); }
  // Those of whom something is still to come; with follow, all.
  bool Awaits(const std::string& node_id) const;
  std::vector<std::string> Awaited() const;

  // The node has told all it will, or cannot for the reason given. Only the first call counts;
  // with follow none does, as a node may come back and have tasks later.
  void Done(const std::string& node_id, std::string why_not = {});
  // Never with follow.
  bool complete() const { return !follow_ && outstanding_ == 0; }
  // SwarmKit's text when something is missing.
  Status Outcome() const;

 private:
  // Whether the node is new here.
  bool AddNode(const std::string& node_id);
  bool AddTask(const std::string& task_id, const std::string& node_id);

  const bool follow_;
  const std::vector<std::string> node_ids_;
  const std::unordered_set<std::string> service_ids_;
  const std::unordered_set<std::string> task_ids_;
  std::map<std::string, bool> nodes_;  // to: done
  std::size_t outstanding_ = 0;
  std::set<std::string> unscheduled_;  // tasks without a node
  std::vector<std::string> reasons_;
};

}  // namespace swarm::logbroker
