#include "selection.h"

#include <utility>

namespace swarm::logbroker {

Selection::Selection(const pb::LogSelector& selector, bool follow)
    : follow_(follow),
      node_ids_(selector.node_ids().begin(), selector.node_ids().end()),
      service_ids_(selector.service_ids().begin(), selector.service_ids().end()),
      task_ids_(selector.task_ids().begin(), selector.task_ids().end()) {}

bool Selection::AddNode(const std::string& node_id) {
  const bool fresh = nodes_.try_emplace(node_id, false).second;
  outstanding_ += fresh;
  return fresh;
}

bool Selection::AddTask(const std::string& task_id, const std::string& node_id) {
  if (node_id.empty()) {
    unscheduled_.insert(task_id);
    return false;
  }
  unscheduled_.erase(task_id);
  return AddNode(node_id);
}

void Selection::Load(const Reader& reader) {
  for (const std::string& id : node_ids_) AddNode(id);
  for (const std::string& id : task_ids_) {
    if (const TaskPtr task = reader.GetTask(id)) AddTask(task->id, task->node_id);
  }
  for (const std::string& id : service_ids_) {
    (void)reader.FindTasks(By::Service(id), [this](const TaskPtr& task) {
      if (follow_ || task->status.state >= pb::RUNNING) AddTask(task->id, task->node_id);
      return true;
    });
  }
}

std::optional<std::string> Selection::OnTask(const Task& task) {
  if (!Selects(task)) return std::nullopt;
  if (!AddTask(task.id, task.node_id)) return std::nullopt;
  return task.node_id;
}

bool Selection::Awaits(const std::string& node_id) const {
  const auto found = nodes_.find(node_id);
  return found != nodes_.end() && !found->second;
}

std::vector<std::string> Selection::Awaited() const {
  std::vector<std::string> out;
  for (const auto& [id, done] : nodes_) {
    if (!done) out.push_back(id);
  }
  return out;
}

void Selection::Done(const std::string& node_id, std::string why_not) {
  if (follow_ || !Awaits(node_id)) return;
  nodes_[node_id] = true;
  outstanding_ -= 1;
  if (!why_not.empty()) reasons_.push_back(std::move(why_not));
}

Status Selection::Outcome() const {
  if (reasons_.empty() && unscheduled_.empty()) return Status::Ok();
  std::string all;
  const auto add = [&all](const std::string& reason) { all += (all.empty() ? "" : ", ") + reason; };
  for (const std::string& reason : reasons_) add(reason);
  for (const std::string& id : unscheduled_) add("task " + id + " has not been scheduled");
  return {Code::kUnknown,
          "warning: incomplete log stream. some logs could not be retrieved for the following "
          "reasons: " +
              all};
}

}  // namespace swarm::logbroker
