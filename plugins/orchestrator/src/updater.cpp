#include "updater.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

#include "component/times.h"

namespace swarm::orchestrator {
namespace {

using google::protobuf::util::MessageDifferencer;
using UpdateState = pb::UpdateStatus;

constexpr Duration kDefaultMonitor = std::chrono::seconds(5);

// Of several up-to-date tasks in one slot the one that is furthest takes over.
int Readiness(const Task& task) {
  return (task.desired_state == pb::RUNNING ? 2 : 0) + (task.status.state == pb::RUNNING ? 1 : 0);
}

pb::UpdateConfig DefaultConfig() {
  pb::UpdateConfig config;
  config.set_parallelism(1);
  return config;
}

}  // namespace

Updater::Updater(UpdateTools tools, ServicePtr service, ClusterPtr cluster,
                 Function<void(const Updater*)> finished)
    : tools_(tools),
      service_(std::move(service)),
      cluster_(std::move(cluster)),
      id_(service_->id()),
      finished_(std::move(finished)) {}

bool Updater::Begin(const std::vector<Slot>& slots) {
  const auto state = service_->update_status().state();
  if (state == UpdateState::PAUSED || state == UpdateState::ROLLBACK_PAUSED) return false;
  rolling_back_ = state == UpdateState::ROLLBACK_STARTED;

  const ViewPtr view = tools_.env.Read();
  for (const Slot& slot : slots) {
    if (slot.size() == 1) {
      const auto node = slot[0]->node_id.empty() ? nullptr : view->Get<pb::Node>(slot[0]->node_id);
      if (!IsDirty(*service_, *slot[0], node.get())) continue;
    }
    pending_.push_back(slot);
  }
  dirty_count_ = pending_.size();
  if (pending_.empty()) {
    if (state == UpdateState::UPDATING || rolling_back_) WriteCompleted();
    return false;
  }
  if (!service_->has_update_status()) WriteStarted();

  const pb::ServiceSpec& spec = service_->spec();
  const bool configured = rolling_back_ ? spec.has_rollback() : spec.has_update();
  config_ = !configured ? DefaultConfig() : rolling_back_ ? spec.rollback() : spec.update();
  delay_ = component::ToDuration(config_.delay());
  monitor_ = config_.has_monitor() ? component::ToDuration(config_.monitor()) : kDefaultMonitor;
  workers_ = config_.parallelism() == 0
                 ? dirty_count_
                 : std::min<std::size_t>(config_.parallelism(), dirty_count_);
  Fill();
  return true;
}

void Updater::Fill() {
  while (!cancelled_ && workers_ > 0 && !pending_.empty()) {
    ready_.push_back(std::move(pending_.front()));
    pending_.pop_front();
    --workers_;
    ++busy_;
  }
  if (cancelled_) return;
  if (ready_.empty()) {
    if (busy_ == 0 && pending_.empty()) AllDone();
    return;
  }
  if (std::exchange(start_queued_, true)) return;
  tools_.queue.Add(id_, [weak = weak_from_this()](Function<void()> release) {
    if (const auto self = weak.lock()) return self->StartSlots(std::move(release));
    release();
  });
}

// Null when what was to be replaced has changed meanwhile.
Updater::ActivePtr Updater::Plan(const View& view, const Slot& slot) {
  auto active = std::make_shared<Active>();
  active->key = SlotOf(*slot[0]);
  active->start_first = config_.order() == pb::UpdateConfig::START_FIRST;
  TaskPtr existing;
  std::vector<TaskPtr> live;
  for (const TaskPtr& stale : slot) {
    // Kept only to show why it ended; there is nothing to stop.
    if (stale->desired_state > pb::RUNNING) continue;
    const TaskPtr task = view.GetTask(stale->id);
    if (!task || task->desired_state > pb::RUNNING) return nullptr;
    live.push_back(task);
    const auto node = task->node_id.empty() ? nullptr : view.Get<pb::Node>(task->node_id);
    if (IsDirty(*service_, *task, node.get())) continue;
    if (!existing || Readiness(*task) > Readiness(*existing)) existing = task;
  }
  for (const TaskPtr& task : live) {
    if (task == existing) continue;
    active->old_ids.push_back(task->id);
    if (task->status.state <= pb::RUNNING) active->wait_for = task;
  }
  // Left by an updater of an earlier leader that was waiting for it.
  const bool on_its_way =
      existing && active->start_first && existing->status.state < pb::RUNNING && live.size() > 1;
  active->create = !existing;
  active->await = active->create || on_its_way;
  active->start_first &= active->await;
  active->new_id = existing ? existing->id : tools_.env.NewId();
  if (active->await) taking_over_.insert(active->new_id);
  if (!existing || existing->desired_state < pb::RUNNING) active->start_id = active->new_id;
  return active;
}

void Updater::StartSlots(Function<void()> release) {
  start_queued_ = false;
  if (cancelled_) return release();
  const ViewPtr view = tools_.env.Read();
  const ServicePtr current = view->Get<pb::Service>(id_);
  auto slots = std::make_shared<std::vector<ActivePtr>>();
  for (const Slot& slot : std::exchange(ready_, {})) {
    if (ActivePtr active = current ? Plan(*view, slot) : nullptr) {
      slots->push_back(std::move(active));
    } else {
      tools_.env.logger().Warn("slot not updated: its tasks or its service are gone",
                               {{"service.id", id_}});
      SlotDone();
    }
  }
  if (slots->empty()) return release();
  const auto step = [slots, at = std::size_t{0}, id = id_,
                     parts = tools_.parts.For(service_, cluster_),
                     now = tools_.env.Stamp()](Transaction& tx) mutable -> Result<bool> {
    if (at == slots->size() || !tx.Get<pb::Service>(id)) return false;
    Active& active = *(*slots)[at++];
    for (const std::string& old : active.old_ids) {
      if (!active.start_first) SWARM_RETURN_IF_ERROR(RaiseDesired(tx, old, pb::SHUTDOWN));
    }
    if (!active.create) return true;
    SWARM_RETURN_IF_ERROR(
        tx.CreateTask(NewTask(*parts, active.new_id, id, active.key, pb::READY, now)));
    return true;
  };
  tools_.env.Batch(
      step, [weak = weak_from_this(), slots, release = std::move(release)](Status status) mutable {
        const auto self = weak.lock();
        if (!self) return release();
        if (!status.ok()) {
          self->tools_.env.logger().Warn("update not written",
                                         {{"service.id", self->id_}, {"error", status.ToString()}});
        }
        self->Started(*slots);
        release();
      });
}

void Updater::Started(const std::vector<ActivePtr>& slots) {
  for (const ActivePtr& active : slots) {
    const TaskPtr task = tools_.env.Read()->GetTask(active->new_id);
    if (task && !active->start_id.empty()) {
      tools_.restarts.StartLater(active->start_id, Duration::zero(),
                                 active->start_first ? nullptr : active->wait_for);
    }
    if (cancelled_) continue;
    if (!task || !active->await) {
      SlotDone();
      continue;
    }
    waiting_[active->new_id] = active;
    // It may have got there while the batch was under way.
    if (task->status.state >= pb::RUNNING) NewTaskRuns(active->new_id);
  }
}

void Updater::OnTask(const Event& event) {
  if (cancelled_) return;
  const Task& task = *event.task;
  if (!taking_over_.contains(task.id)) return;
  if (event.change == Change::kRemove) {
    if (waiting_.contains(task.id)) NewTaskRuns(task.id);
    return;
  }
  if (task.status.state == pb::RUNNING) {
    running_since_.try_emplace(task.id, tools_.env.SteadyNow());
  }
  if (IsTerminal(task.status.state)) TaskEnded(task);
  if (!cancelled_ && task.status.state >= pb::RUNNING && waiting_.contains(task.id)) {
    NewTaskRuns(task.id);
  }
}

void Updater::NewTaskRuns(const std::string& task_id) {
  const auto found = waiting_.find(task_id);
  const ActivePtr active = found->second;
  waiting_.erase(found);
  const TaskPtr task = tools_.env.Read()->GetTask(active->new_id);
  const bool runs = task && task->status.state == pb::RUNNING;
  if (active->start_first && runs && !active->old_ids.empty()) {
    tools_.env.Update(
        [old_ids = active->old_ids](Transaction& tx) {
          for (const std::string& old : old_ids) {
            SWARM_RETURN_IF_ERROR(RaiseDesired(tx, old, pb::SHUTDOWN));
          }
          return Status::Ok();
        },
        [weak = weak_from_this()](const Status&) {
          if (const auto self = weak.lock()) self->SlotDone();
        });
    return;
  }
  SlotDone();
}

void Updater::Later(Duration delay, void (Updater::*then)()) {
  const std::uint64_t id = next_timer_++;
  timers_[id] = tools_.env.loop().After(delay, [weak = weak_from_this(), id, then] {
    const auto self = weak.lock();
    if (!self || self->cancelled_) return;
    const auto method = then;
    const auto ended = self->timers_.extract(id);
    ((*self).*method)();
  });
}

void Updater::SlotDone() {
  if (!cancelled_) Later(delay_, &Updater::WorkerFree);
}

void Updater::WorkerFree() {
  ++workers_;
  --busy_;
  Fill();
}

void Updater::TaskEnded(const Task& task) {
  if (config_.failure_action() == pb::UpdateConfig::CONTINUE || failed_.contains(task.id)) return;
  const auto since = running_since_.find(task.id);
  if (since != running_since_.end() && tools_.env.SteadyNow() - since->second > monitor_) return;
  failed_.insert(task.id);
  const float ratio = static_cast<float>(failed_.size()) / static_cast<float>(dirty_count_);
  if (ratio <= config_.max_failure_ratio()) return;
  const std::string reason = " due to failure or early termination of task " + task.id;
  if (config_.failure_action() == pb::UpdateConfig::ROLLBACK && !rolling_back_) {
    WriteRollback("update rolled back" + reason);
  } else if (config_.failure_action() == pb::UpdateConfig::ROLLBACK) {
    WritePaused(UpdateState::ROLLBACK_PAUSED, "rollback paused" + reason);
  } else {
    WritePaused(rolling_back_ ? UpdateState::ROLLBACK_PAUSED : UpdateState::PAUSED,
                "update paused" + reason);
  }
  Finish();
}

void Updater::AllDone() {
  const Duration longer = delay_ + Duration(std::chrono::seconds(1));
  Later(delay_ >= monitor_ ? longer : monitor_, &Updater::MonitoringOver);
}

void Updater::MonitoringOver() {
  WriteCompleted();
  Finish();
}

void Updater::Finish() {
  cancelled_ = true;
  pending_.clear();
  tools_.env.loop().Post([self = shared_from_this()] { self->finished_(self.get()); });
}

void Updater::WriteService(Function<Status(pb::Service&)> edit) {
  auto shared = std::make_shared<Function<Status(pb::Service&)>>(std::move(edit));
  tools_.env.Update(
      [id = id_, shared](Transaction& tx) {
        const ServicePtr current = tx.Get<pb::Service>(id);
        if (!current) return Status::Ok();
        auto changed = std::make_shared<pb::Service>(*current);
        SWARM_RETURN_IF_ERROR((*shared)(*changed));
        if (MessageDifferencer::Equals(*changed, *current)) return Status::Ok();
        return tx.Update(std::move(changed));
      },
      [logger = tools_.env.logger(), id = id_](const Status& status) {
        if (!status.ok()) {
          logger.Warn("update status not written",
                      {{"service.id", id}, {"error", status.ToString()}});
        }
      });
}

void Updater::WriteStarted() {
  WriteService([now = tools_.env.Now()](pb::Service& service) {
    if (service.has_update_status()) return Status::Ok();
    service.mutable_update_status()->set_state(UpdateState::UPDATING);
    service.mutable_update_status()->set_message("update in progress");
    component::SetTimestamp(now, service.mutable_update_status()->mutable_started_at());
    return Status::Ok();
  });
}

void Updater::WriteCompleted() {
  WriteService([now = tools_.env.Now()](pb::Service& service) {
    if (!service.has_update_status()) return Status::Ok();
    auto& status = *service.mutable_update_status();
    const bool back = status.state() == UpdateState::ROLLBACK_STARTED;
    // Paused or finished by somebody else meanwhile.
    if (!back && status.state() != UpdateState::UPDATING) return Status::Ok();
    status.set_state(back ? UpdateState::ROLLBACK_COMPLETED : UpdateState::COMPLETED);
    status.set_message(back ? "rollback completed" : "update completed");
    component::SetTimestamp(now, status.mutable_completed_at());
    return Status::Ok();
  });
}

void Updater::WritePaused(pb::UpdateStatus::UpdateState state, std::string message) {
  WriteService([state, message = std::move(message)](pb::Service& service) {
    if (!service.has_update_status()) return Status::Ok();
    service.mutable_update_status()->set_state(state);
    service.mutable_update_status()->set_message(message);
    return Status::Ok();
  });
}

void Updater::WriteRollback(std::string message) {
  WriteService([message = std::move(message)](pb::Service& service) {
    if (!service.has_update_status()) return Status::Ok();
    if (!service.has_previous_spec()) {
      return Status(Code::kFailedPrecondition, "there is no earlier version to roll back to");
    }
    service.mutable_update_status()->set_state(UpdateState::ROLLBACK_STARTED);
    service.mutable_update_status()->set_message(message);
    service.mutable_spec()->Swap(service.mutable_previous_spec());
    service.clear_previous_spec();
    if (service.has_previous_spec_version()) {
      *service.mutable_spec_version() = service.previous_spec_version();
    } else {
      service.clear_spec_version();
    }
    service.clear_previous_spec_version();
    return Status::Ok();
  });
}

void UpdateSupervisor::Update(const ServicePtr& service, const ClusterPtr& cluster,
                              const std::vector<Slot>& slots) {
  const std::string& id = service->id();
  if (const auto found = updaters_.find(id); found != updaters_.end()) {
    Updater& running = *found->second;
    if (!running.over() && MessageDifferencer::Equals(running.target().spec(), service->spec())) {
      return;
    }
    running.Cancel();
    updaters_.erase(found);
  }
  auto updater =
      std::make_shared<Updater>(tools_, service, cluster, [this, id](const Updater* ended) {
        const auto found = updaters_.find(id);
        if (found != updaters_.end() && found->second.get() == ended) updaters_.erase(found);
      });
  if (updater->Begin(slots)) updaters_[id] = std::move(updater);
}

void UpdateSupervisor::Cancel(const std::string& service_id) {
  const auto found = updaters_.find(service_id);
  if (found == updaters_.end()) return;
  found->second->Cancel();
  updaters_.erase(found);
}

void UpdateSupervisor::OnTask(const Event& event) {
  const auto found = updaters_.find(event.task->service_id);
  if (found == updaters_.end()) return;
  const auto updater = found->second;
  updater->OnTask(event);
}

}  // namespace swarm::orchestrator
