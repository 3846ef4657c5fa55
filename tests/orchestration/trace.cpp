#include "trace.h"

#include <cstdio>
#include <cstdlib>

#include "swarm/runtime.h"

namespace swarm::test {
namespace {

std::string Short(const Event& event) {
  if (event.table == Table::kTask) return "task " + Line(*event.task);
  return std::string(event.table == Table::kNode ? "node " : "service ") +
         event.object->ShortDebugString();
}

void Print(const Commit& commit, SteadyTime now) {
  static constexpr const char* kChanges[] = {"+", "~", "-"};
  const std::chrono::duration<double> seconds = now.time_since_epoch();
  for (const Event& event : commit.events) {
    std::printf("%.3f %s %s\n", seconds.count(), kChanges[static_cast<int>(event.change)],
                Short(event).c_str());
  }
}

}  // namespace

std::string Line(const Task& task) {
  return task.id + " v" + std::to_string(task.version) + " spec " +
         std::to_string(task.spec_version) + " slot " + std::to_string(task.slot) + " on \"" +
         task.node_id + "\" " + pb::TaskState_Name(task.status.state) + "/" +
         pb::TaskState_Name(task.desired_state) + " " + task.spec->ShortDebugString() + " err \"" +
         task.status.err + "\"";
}

Trace::Trace(Store& store, Loop& loop, const Clock& clock) {
  const bool silent = !std::getenv("SWARM_TRACE");
  auto [view, subscription] = store.ReadAndWatch({{Table::kNode, Table::kService, Table::kTask}},
                                                 loop, [silent, &clock](const CommitPtr& commit) {
                                                   if (!silent) Print(*commit, clock.SteadyNow());
                                                 });
  subscription_ = std::move(subscription);
}

}  // namespace swarm::test
