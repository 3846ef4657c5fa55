#include "tools.h"

#include <utility>

namespace swarm::orchestrator {

void Tools::Run(const ServicePtr& service, std::vector<Op> ops, Function<void(bool ok)> done) {
  if (ops.empty()) return done(true);
  writes.Add({service, parts.For(service, cluster), std::move(ops), std::move(done)});
}

Slot Tools::Updatable(const pb::Service& service, const Slot& tasks) {
  Slot wanted;
  for (const TaskPtr& task : tasks) {
    if (task->desired_state <= pb::RUNNING) wanted.push_back(task);
  }
  if (!wanted.empty()) return wanted;
  if (service.update_status().state() == pb::UpdateStatus::ROLLBACK_STARTED) return {};
  const TaskPtr last = LastOf(service, tasks, *env.Read());
  // Already on its way out of the cluster: nothing of it is left to update.
  if (!last || last->desired_state >= pb::REMOVE || restarts.ShouldRestart(*last)) return {};
  return {last};
}

}  // namespace swarm::orchestrator
