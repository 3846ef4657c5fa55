// Tasks that wait for the scheduler.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "filters.h"
#include "node_table.h"

namespace swarm::scheduler {

// A service and the version of its specification; a task without such a version is alone.
using GroupKey = std::pair<std::string, std::string>;

// Tasks that wait for the same: all of one version of a service.
struct Group {
  // Why no node takes them. As long as it exists every node fails, and only a node that changes
  // needs a look.
  struct Stuck {
    Stuck(TaskPtr task, ServiceNumber service) : pipeline(std::move(task), service) {}
    Pipeline pipeline;
    Verdicts verdicts;
  };
  std::map<std::string, TaskPtr> tasks;  // by id
  std::unique_ptr<Stuck> stuck;          // null: not tried yet
  std::string explanation;               // of most tasks
  std::vector<std::string> unexplained;  // that joined since
  SteadyTime explained_at;
};

// Threading: [loop].
class WaitingGroups {
 public:
  // Adds the task, or keeps its newer value; whether it was added.
  bool Add(const TaskPtr& task);
  void Remove(const Task& task);
  void RemoveService(const std::string& service_id);

  // Groups that got tasks since the last call.
  std::vector<GroupKey> TakeFresh();
  // Null when the group has no tasks any more.
  Group* Find(const GroupKey& key);
  // Calls `visit` for every group that is stuck, then drops those that have no tasks left.
  template <class Visit>
  void VisitStuck(const Visit& visit) {
    for (auto it = groups_.begin(); it != groups_.end();) {
      if (it->second.stuck) visit(it->first, it->second);
      it = it->second.tasks.empty() ? groups_.erase(it) : std::next(it);
    }
  }
  void DropIfEmpty(const GroupKey& key);

 private:
  std::map<GroupKey, Group> groups_;
  std::set<GroupKey> fresh_;
};

// Tasks whose node is given: they wait for that one only.
class PreassignedTasks {
 public:
  void Add(const TaskPtr& task);
  void Remove(const Task& task);
  // Those that were added since the last call, or whose node is among `changed`, by id.
  std::vector<std::string> TakeDue(const std::vector<NodeTable::Changed>& changed);

 private:
  std::map<std::string, std::set<std::string>> by_node_;
  std::set<std::string> added_;
};

}  // namespace swarm::scheduler
