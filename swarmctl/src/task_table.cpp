#include "task_table.h"

#include <algorithm>
#include <tuple>

#include "table.h"
#include "words.h"

namespace swarm::ctl {

std::string LastState(const pb::Task& task, WallTime now) {
  std::string out = pb::TaskState_Name(task.status().state()) + " ";
  if (task.status().has_timestamp()) out += RelativeTime(task.status().timestamp(), now);
  return out;
}

std::string TaskTable(Client& client, std::vector<pb::Task> tasks, bool all, WallTime now) {
  const auto created = [](const pb::Task& t) {
    return std::pair(t.meta().created_at().seconds(), t.meta().created_at().nanos());
  };
  std::stable_sort(tasks.begin(), tasks.end(), [&](const pb::Task& a, const pb::Task& b) {
    return a.slot() != b.slot() ? a.slot() < b.slot() : created(a) > created(b);
  });
  Table table = InnerTable();
  table.Header({"Task ID", "Service", "Slot", "Image", "Desired State", "Last State", "Node"});
  for (const pb::Task& task : tasks) {
    if (!all && task.desired_state() > pb::RUNNING) continue;
    table.Row({task.id(), task.service_annotations().name(), std::to_string(task.slot()),
               task.spec().container().image(), pb::TaskState_Name(task.desired_state()),
               LastState(task, now), client.NodeName(task.node_id())});
  }
  return table.Text();
}

}  // namespace swarm::ctl
