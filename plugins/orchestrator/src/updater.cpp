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

// How far a task has got, and before that how far it is to get. What has ended got nowhere.
int Readiness(const Task& task) {
  if (IsTerminal(task.status.state)) return -1;
  return (task.desired_state == pb::RUNNING ? 1000 : 0) + static_cast<int>(task.status.state);
}

void Prefer(TaskPtr& best, const TaskPtr& other) {
  if (!best || Readiness(*other) > Readiness(*best)) best = other;
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
  status_ = state;
  rolling_back_ = state == UpdateState::ROLLBACK_STARTED;

  const ViewPtr view = tools_.env.Read();
  std::vector<std::string> surplus;
  for (const Slot& slot : slots) {
    Slot kept = slot.size() == 1 ? slot : WithoutSurplus(*view, slot, surplus);
    if (kept.size() == 2) handing_over_.insert(SlotOf(*kept[0]));
    if (kept.size() > 1 || !IsUpToDate(*service_, *kept[0], *view))
      pending_.push_back(std::move(kept));
  }
  ShutDown(std::move(surplus));
  if (state == UpdateState::PAUSED || state == UpdateState::ROLLBACK_PAUSED) {
    stage_ = Stage::kPaused;
    pending_.clear();
    return !handing_over_.empty();
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

void Updater::Keep(const pb::Service& service) {
  status_ = service.update_status().state();
  rolling_back_ = status_ == UpdateState::ROLLBACK_STARTED;
  // Cleared by an update that changed nothing: this one is still under way.
  if (!service.has_update_status()) WriteStarted();
}

// An update that begins before the one before it was through finds the tasks of several versions in
// one slot. One of them may be what is wanted now, another one serves until that runs; the others
// are in the way.
Slot Updater::WithoutSurplus(const View& view, const Slot& slot,
                             std::vector<std::string>& surplus) const {
  TaskPtr next;
  for (const TaskPtr& task : slot) {
    if (IsUpToDate(*service_, *task, view)) Prefer(next, task);
  }
  TaskPtr old;
  for (const TaskPtr& task : slot) {
    if (task != next) Prefer(old, task);
  }
  const bool old_serves = old && old->status.state >= pb::ASSIGNED;
  if (next && (next->status.state == pb::RUNNING || !old_serves)) old = nullptr;
  Slot kept;
  if (next) kept.push_back(next);
  if (old) kept.push_back(old);
  for (const TaskPtr& task : slot) {
    if (task != next && task != old) surplus.push_back(task->id);
  }
  return kept;
}

void Updater::ShutDown(std::vector<std::string> task_ids) {
  if (task_ids.empty()) return;
  auto ids = std::make_shared<const std::vector<std::string>>(std::move(task_ids));
  tools_.queue.Add(id_, [ids, id = id_, &env = tools_.env](Function<void()> release) {
    auto step = [ids, at = std::size_t{0}](Transaction& tx) mutable -> Result<bool> {
      if (at == ids->size()) return false;
      SWARM_RETURN_IF_ERROR(RaiseDesired(tx, (*ids)[at++], pb::SHUTDOWN));
      return true;
    };
    env.Batch(std::move(step), [id, logger = env.logger(),
                                release = std::move(release)](const Status& status) mutable {
      if (!status.ok()) {
        logger.Warn("tasks of earlier updates not shut down",
                    {{"service.id", id}, {"error", status.ToString()}});
      }
      release();
    });
  });
}

void Updater::Fill() {
  while (!over() && workers_ > 0 && !pending_.empty()) {
    ready_.push_back(std::move(pending_.front()));
    pending_.pop_front();
    --workers_;
    ++busy_;
  }
  if (over()) return;
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

// What is wanted in the slot now: tasks may have been restarted since the update began.
Slot Updater::WantedIn(const View& view, const SlotKey& key) const {
  Slot out;
  const By by = key.number != 0 ? By::Slot(id_, key.number) : By::Node(key.node_id);
  (void)view.FindTasks(by, [&](const TaskPtr& task) {
    if (task->service_id == id_ && task->desired_state <= pb::RUNNING) out.push_back(task);
    return true;
  });
  return out;
}

// Null when what was to be replaced has changed meanwhile.
Updater::ActivePtr Updater::Plan(const View& view, const Slot& slot) {
  auto active = std::make_shared<Active>();
  active->key = SlotOf(*slot[0]);
  const Slot live = WantedIn(view, active->key);
  // Kept only to show why it ended; there is nothing to stop.
  const bool ended = slot.size() == 1 && slot[0]->desired_state > pb::RUNNING;
  if (live.empty() && !ended) return nullptr;
  handing_over_.erase(active->key);
  TaskPtr existing;
  for (const TaskPtr& task : live) {
    if (IsUpToDate(*service_, *task, view)) Prefer(existing, task);
  }
  bool serves = false;
  for (const TaskPtr& task : live) {
    if (task == existing) continue;
    active->old_ids.push_back(task->id);
    if (task->status.state <= pb::RUNNING) active->wait_for = task;
    // What never got to a node cannot serve meanwhile.
    serves |= task->status.state >= pb::ASSIGNED && !IsTerminal(task->status.state);
  }
  const bool start_first = config_.order() == pb::UpdateConfig::START_FIRST && serves;
  if (start_first && existing && IsTerminal(existing->status.state)) {
    // About to be restarted: whichever runs in the end takes over.
    handing_over_.insert(active->key);
    active->old_ids.clear();
    active->new_id = existing->id;
    return active;
  }
  // Left by an updater of an earlier leader that was waiting for it.
  const bool on_its_way = start_first && existing && existing->status.state < pb::RUNNING;
  active->create = !existing;
  active->await = active->create || on_its_way;
  active->start_first = start_first && active->await;
  active->new_id = existing ? existing->id : tools_.env.NewId();
  if (active->await) taking_over_.insert(active->new_id);
  if (!existing || existing->desired_state < pb::RUNNING) active->start_id = active->new_id;
  return active;
}

void Updater::StartSlots(Function<void()> release) {
  start_queued_ = false;
  if (over()) return release();
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
    if (over()) {
      if (active->start_first) handing_over_.insert(active->key);
      if (task && task->status.state == pb::RUNNING) HandOver(*task);
      continue;
    }
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
  if (stage_ == Stage::kOver) return;
  const Task& task = *event.task;
  if (event.change != Change::kRemove && task.status.state == pb::RUNNING) HandOver(task);
  if (over()) return;
  if (!taking_over_.contains(task.id)) return;
  if (event.change == Change::kRemove) {
    if (waiting_.contains(task.id)) NewTaskRuns(task.id);
    return;
  }
  if (task.status.state == pb::RUNNING) {
    running_since_.try_emplace(task.id, tools_.env.SteadyNow());
  }
  if (IsTerminal(task.status.state)) TaskEnded(task);
  if (!over() && task.status.state >= pb::RUNNING && waiting_.contains(task.id)) {
    NewTaskRuns(task.id);
  }
}

// The slot's turn may be far off, or over because its new task failed and was restarted since; or
// the old one was, by an up-to-date one that is there before the new task is. Whichever runs first
// ends the others.
void Updater::HandOver(const Task& task) {
  const SlotKey key = SlotOf(task);
  const auto awaited = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& entry) {
    return entry.second->start_first && entry.second->key == key && entry.first != task.id;
  });
  if (!handing_over_.contains(key) && awaited == waiting_.end()) return;
  const ViewPtr view = tools_.env.Read();
  if (!IsUpToDate(*service_, task, *view)) return;
  ShutDown(OthersIn(*view, key, task.id));
  handing_over_.erase(key);
  if (awaited == waiting_.end()) return;
  // Its end is no failure; and the one that runs instead is watched in its place.
  taking_over_.erase(awaited->first);
  taking_over_.insert(task.id);
  waiting_.erase(awaited);
  SlotDone();
}

std::vector<std::string> Updater::OthersIn(const View& view, const SlotKey& key,
                                           const std::string& task_id) const {
  std::vector<std::string> out;
  for (const TaskPtr& other : WantedIn(view, key)) {
    if (other->id != task_id) out.push_back(other->id);
  }
  return out;
}

void Updater::NewTaskRuns(const std::string& task_id) {
  const auto found = waiting_.find(task_id);
  const ActivePtr active = found->second;
  waiting_.erase(found);
  const ViewPtr view = tools_.env.Read();
  const TaskPtr task = view->GetTask(active->new_id);
  const bool runs = task && task->status.state == pb::RUNNING;
  if (active->start_first && !runs) handing_over_.insert(active->key);
  if (active->start_first && runs) ShutDown(OthersIn(*view, active->key, active->new_id));
  SlotDone();
}

void Updater::Later(Duration delay, void (Updater::*then)()) {
  const std::uint64_t id = next_timer_++;
  timers_[id] = tools_.env.loop().After(delay, [weak = weak_from_this(), id, then] {
    const auto self = weak.lock();
    if (!self || self->over()) return;
    const auto method = then;
    const auto ended = self->timers_.extract(id);
    ((*self).*method)();
  });
}

void Updater::SlotDone() {
  if (!over()) Later(delay_, &Updater::WorkerFree);
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
    WriteRollback(reason);
    Finish();
  } else if (config_.failure_action() == pb::UpdateConfig::ROLLBACK) {
    Pause(UpdateState::ROLLBACK_PAUSED, "rollback paused" + reason);
  } else {
    Pause(rolling_back_ ? UpdateState::ROLLBACK_PAUSED : UpdateState::PAUSED,
          "update paused" + reason);
  }
}

// No further slot is begun. But what was begun goes on to its end: a slot does not keep two tasks.
void Updater::Pause(pb::UpdateStatus::UpdateState state, std::string message) {
  WritePaused(state, std::move(message));
  stage_ = Stage::kPaused;
  pending_.clear();
  for (const auto& [id, active] : std::exchange(waiting_, {})) {
    if (active->start_first) handing_over_.insert(active->key);
  }
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
  stage_ = Stage::kOver;
  pending_.clear();
  tools_.env.loop().Post([self = shared_from_this()] { self->finished_(self.get()); });
}

void UpdateSupervisor::Update(const ServicePtr& service, const ClusterPtr& cluster,
                              const std::vector<Slot>& slots) {
  const std::string& id = service->id();
  if (const auto found = updaters_.find(id); found != updaters_.end()) {
    Updater& running = *found->second;
    if (!running.over() && MessageDifferencer::Equals(running.target().spec(), service->spec())) {
      running.Keep(*service);
      return;
    }
    running.Cancel();
    updaters_.erase(found);
  }
  auto updater =
      std::make_shared<Updater>(tools_, service, cluster, [this, id](const Updater* ended) {
        const auto found = updaters_.find(id);
        if (found == updaters_.end() || found->second.get() != ended) return;
        updaters_.erase(found);
        // Slots whose tasks changed under its hands were left out.
        tools_.reconcile(id);
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
