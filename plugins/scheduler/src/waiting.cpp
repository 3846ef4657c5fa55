#include "waiting.h"

#include <utility>

namespace swarm::scheduler {
namespace {

GroupKey KeyOf(const Task& task) {
  return {task.service_id, task.has_spec_version ? std::to_string(task.spec_version) : task.id};
}

}  // namespace

bool WaitingGroups::Add(const TaskPtr& task) {
  GroupKey key = KeyOf(*task);
  Group& group = groups_[key];
  if (!group.tasks.insert_or_assign(task->id, task).second) return false;
  group.unexplained.push_back(task->id);
  fresh_.insert(std::move(key));
  return true;
}

void WaitingGroups::Remove(const Task& task) {
  const auto group = groups_.find(KeyOf(task));
  if (group == groups_.end()) return;
  group->second.tasks.erase(task.id);
  if (group->second.tasks.empty()) groups_.erase(group);
}

void WaitingGroups::RemoveService(const std::string& service_id) {
  auto first = groups_.lower_bound({service_id, ""});
  while (first != groups_.end() && first->first.first == service_id) first = groups_.erase(first);
}

std::vector<GroupKey> WaitingGroups::TakeFresh() {
  const std::set<GroupKey> fresh = std::exchange(fresh_, {});
  return {fresh.begin(), fresh.end()};
}

Group* WaitingGroups::Find(const GroupKey& key) {
  const auto group = groups_.find(key);
  return group == groups_.end() ? nullptr : &group->second;
}

void WaitingGroups::DropIfEmpty(const GroupKey& key) {
  const auto group = groups_.find(key);
  if (group != groups_.end() && group->second.tasks.empty()) groups_.erase(group);
}

void PreassignedTasks::Add(const TaskPtr& task) {
  by_node_[task->node_id].insert(task->id);
  added_.insert(task->id);
}

void PreassignedTasks::Remove(const Task& task) {
  added_.erase(task.id);
  const auto node = by_node_.find(task.node_id);
  if (node == by_node_.end()) return;
  node->second.erase(task.id);
  if (node->second.empty()) by_node_.erase(node);
}

std::vector<std::string> PreassignedTasks::TakeDue(const std::vector<NodeTable::Changed>& changed) {
  std::set<std::string> due = std::exchange(added_, {});
  for (const NodeTable::Changed& node : changed) {
    const auto waiting = by_node_.find(node.id);
    if (waiting != by_node_.end()) due.insert(waiting->second.begin(), waiting->second.end());
  }
  return {due.begin(), due.end()};
}

}  // namespace swarm::scheduler
