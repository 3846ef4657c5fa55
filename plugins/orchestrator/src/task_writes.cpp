#include "task_writes.h"

#include <utility>

namespace swarm::orchestrator {
namespace {

// Plans of more changes have a batch of their own, so that nobody waits for them.
constexpr std::size_t kSmall = 16;

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

struct TaskWrites::Batch {
  struct Item {
    Plan plan;
    std::size_t written = 0;
    bool given_up = false;
    Status failure;

    bool ended() const { return given_up || written == plan.ops.size(); }
    // Makes the next change, or gives up.
    void Next(Transaction& tx, TaskTime now) {
      const auto current = tx.Get<pb::Service>(plan.service->id());
      given_up = !current || !SameVersion(*plan.service, *current);
      if (given_up) return;
      failure = Apply(tx, plan.ops[written], *plan.parts, plan.service->id(), now);
      given_up = !failure.ok();
      if (!given_up) ++written;
    }
  };
  std::vector<Item> items;
  std::size_t at = 0;
  TaskTime now;

  // Whether there may be more.
  bool Step(Transaction& tx) {
    while (at < items.size() && items[at].ended()) ++at;
    if (at == items.size()) return false;
    items[at].Next(tx, now);
    return true;
  }
};

void TaskWrites::Add(Plan plan) {
  if (plan.ops.size() > kSmall) {
    std::vector<Plan> alone;
    alone.push_back(std::move(plan));
    return Write(std::move(alone));
  }
  if (small_.empty()) {
    env_.loop().Post([this] { Write(std::exchange(small_, {})); });
  }
  small_.push_back(std::move(plan));
}

void TaskWrites::Write(std::vector<Plan> plans) {
  auto batch = std::make_shared<Batch>();
  batch->now = env_.Stamp();
  for (Plan& plan : plans) batch->items.push_back({std::move(plan), 0, false, {}});
  env_.Batch([batch](Transaction& tx) -> Result<bool> { return batch->Step(tx); },
             [this, batch](const Status& status) { Report(*batch, status); });
}

void TaskWrites::Report(Batch& batch, const Status& status) {
  for (Batch::Item& item : batch.items) {
    const Status& failure = status.ok() ? item.failure : status;
    if (!failure.ok()) {
      env_.logger().Warn("tasks of a service not written",
                         {{"service.id", item.plan.service->id()}, {"error", failure.ToString()}});
    }
    item.plan.done(failure.ok() && item.written == item.plan.ops.size());
  }
}

}  // namespace swarm::orchestrator
