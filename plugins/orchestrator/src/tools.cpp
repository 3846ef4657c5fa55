#include "tools.h"

#include <memory>

namespace swarm::orchestrator {
namespace {

bool SameVersion(const pb::Service& planned, const pb::Service& current) {
  if (planned.has_spec_version() || current.has_spec_version()) {
    return planned.spec_version().index() == current.spec_version().index();
  }
  return planned.meta().version().index() == current.meta().version().index();
}

Status Apply(Transaction& tx, const Op& op, const SharedParts& parts, const std::string& service_id,
             TaskTime now) {
  switch (op.kind) {
    case Op::Kind::kCreate:
      return tx.CreateTask(NewTask(parts, op.task_id, service_id, op.slot, pb::RUNNING, now));
    case Op::Kind::kShutdown:
      return RaiseDesired(tx, op.task_id, pb::SHUTDOWN);
    case Op::Kind::kRemove:
      return RaiseDesired(tx, op.task_id, pb::REMOVE);
    case Op::Kind::kDelete: {
      const TaskPtr task = tx.GetTask(op.task_id);
      const bool on_node =
          task && task->status.state >= pb::ASSIGNED && task->status.state <= pb::RUNNING;
      if (!task || task->desired_state <= pb::RUNNING || on_node) return Status::Ok();
      return tx.Delete(Table::kTask, op.task_id);
    }
  }
  return Status::Ok();
}

}  // namespace

void Tools::Run(const ServicePtr& service, std::vector<Op> ops, Function<void(bool ok)> done) {
  if (ops.empty()) return done(true);
  struct Progress {
    std::vector<Op> ops;
    std::size_t at = 0;
  };
  auto progress = std::make_shared<Progress>();
  progress->ops = std::move(ops);
  auto step = [progress, service, shared = parts.For(service, cluster),
               now = env.Stamp()](Transaction& tx) -> Result<bool> {
    if (progress->at == progress->ops.size()) return false;
    const ServicePtr current = tx.Get<pb::Service>(service->id());
    if (!current || !SameVersion(*service, *current)) return false;
    SWARM_RETURN_IF_ERROR(Apply(tx, progress->ops[progress->at], *shared, service->id(), now));
    ++progress->at;
    return true;
  };
  env.Batch(std::move(step),
            [this, progress, id = service->id(), done = std::move(done)](Status status) mutable {
              if (!status.ok()) {
                env.logger().Warn("tasks of a service not written",
                                  {{"service.id", id}, {"error", status.ToString()}});
              }
              done(status.ok() && progress->at == progress->ops.size());
            });
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
