#include "swarm/store.h"

#include <array>

namespace swarm {

std::string_view TableName(Table table) {
  static constexpr std::array<std::string_view, kTableCount> kNames = {
      "cluster",  "config", "extension", "network", "node",
      "resource", "secret", "service",   "task",    "volume"};
  return kNames[static_cast<std::size_t>(table)];
}

Result<std::vector<TaskPtr>> Reader::FindTasks(const By& by) const {
  std::vector<TaskPtr> out;
  SWARM_RETURN_IF_ERROR(FindTasks(by, [&out](const TaskPtr& task) {
    out.push_back(task);
    return true;
  }));
  return out;
}

}  // namespace swarm
