#include "reaper.h"

#include <algorithm>
#include <utility>

namespace swarm::orchestrator {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr Duration kPause = std::chrono::milliseconds(250);

// Wanted by nobody and on no node.
bool Removable(const Task& task) {
  if (task.status.state >= pb::ORPHANED && task.service_id.empty()) return true;
  return task.desired_state == pb::REMOVE &&
         (task.status.state < pb::ASSIGNED || task.status.state >= pb::COMPLETE);
}

// History may go; what lives, or is about to, may not.
bool Historic(const Task& task) {
  return IsTerminal(task.status.state) ||
         (task.status.state < pb::ASSIGNED && task.desired_state > pb::RUNNING);
}

}  // namespace

void Reaper::Begin(const View& view, const pb::Cluster* cluster) {
  if (cluster) OnCluster(*cluster);
  std::set<std::string> doomed;
  (void)view.FindTasks(By::All(), [&](const TaskPtr& task) {
    if (Removable(*task)) {
      doomed.insert(task->id);
    } else if (!task->service_id.empty() && Historic(*task)) {
      dirty_.insert({task->service_id, SlotOf(*task)});
    }
    return true;
  });
  Delete(std::move(doomed));
  if (!dirty_.empty()) Arm();
}

void Reaper::OnCluster(const pb::Cluster& cluster) {
  limit_ = cluster.spec().orchestration().task_history_retention_limit();
}

void Reaper::OnTask(const Event& event) {
  const Task& task = *event.task;
  if (event.change == Change::kRemove) return;
  // A new task may make another one too old; one that has ended may be too old itself.
  const bool matters = event.change == Change::kCreate || Historic(task);
  if (matters && !task.service_id.empty()) dirty_.insert({task.service_id, SlotOf(task)});
  if (Removable(task)) doomed_.insert(task.id);
  Arm();
}

void Reaper::OnServiceUpdate(const Event& event, const View& view) {
  const auto* before = static_cast<const pb::Service*>(event.old_object.get());
  const auto& service = static_cast<const pb::Service&>(*event.object);
  const auto attempts = [](const pb::Service& s) {
    return s.spec().task().restart().max_attempts();
  };
  if (!before || attempts(*before) == attempts(service)) return;
  (void)view.FindTasks(By::Service(service.id()), [this](const TaskPtr& task) {
    if (Historic(*task)) dirty_.insert({task->service_id, SlotOf(*task)});
    return true;
  });
  Arm();
}

void Reaper::Arm() {
  const std::size_t size = dirty_.size() + doomed_.size();
  if (size == 0) return;
  const bool now = size > kBatch;
  if (timer_ && (immediate_ || !now)) return;
  immediate_ = now;
  timer_ = env_.loop().After(now ? Duration::zero() : kPause, [this] { Tick(); });
}

void Reaper::Tick() {
  const auto ended = std::exchange(timer_, nullptr);
  immediate_ = false;
  std::set<std::string> doomed = std::exchange(doomed_, {});
  const ViewPtr view = env_.Read();
  for (auto it = dirty_.begin(); it != dirty_.end();) {
    it = Trim(*view, *it, doomed) ? dirty_.erase(it) : std::next(it);
  }
  Delete(std::move(doomed));
}

bool Reaper::Trim(const View& view, const DirtySlot& dirty, std::set<std::string>& doomed) {
  const auto service = view.Get<pb::Service>(dirty.service_id);
  if (!service || ModeOf(*service) == Mode::kOther) return true;
  std::int64_t limit = limit_;
  const std::uint64_t attempts = service->spec().task().restart().max_attempts();
  if (attempts > 0) limit = static_cast<std::int64_t>(attempts) + 1;
  if (limit < 0) return true;
  Slot tasks;
  const bool by_number = dirty.slot.number != 0;
  const By by =
      by_number ? By::Slot(dirty.service_id, dirty.slot.number) : By::Node(dirty.slot.node_id);
  (void)view.FindTasks(by, [&](const TaskPtr& task) {
    if (task->service_id == dirty.service_id) tasks.push_back(task);
    return true;
  });
  auto excess = static_cast<std::int64_t>(tasks.size()) - limit;
  if (excess <= 0) return true;
  std::stable_sort(tasks.begin(), tasks.end(), [](const TaskPtr& a, const TaskPtr& b) {
    return TaskTimestamp(*a) < TaskTimestamp(*b);
  });
  // Where nothing is wanted any more, the last one tells that nothing is to be made again; a task
  // that its lost node still has must not push it out.
  const bool wanted = std::any_of(tasks.begin(), tasks.end(), [](const TaskPtr& task) {
    return task->desired_state <= pb::RUNNING;
  });
  const TaskPtr kept = wanted || limit == 0 ? nullptr : LastOf(*service, tasks, view);
  int others = 0;
  for (const TaskPtr& task : tasks) {
    if (excess <= 0) break;
    if (Historic(*task) && task != kept) {
      doomed.insert(task->id);
      --excess;
    } else {
      ++others;
    }
  }
  return others <= 1;
}

void Reaper::Delete(std::set<std::string> task_ids) {
  if (task_ids.empty()) return;
  auto step = [ids = std::vector<std::string>(task_ids.begin(), task_ids.end()),
               at = std::size_t{0}](Transaction& tx) mutable -> Result<bool> {
    if (at == ids.size()) return false;
    const std::string& id = ids[at++];
    const TaskPtr task = tx.GetTask(id);
    // It cannot have come back to life, but a node may just have got it.
    if (task && (Removable(*task) || Historic(*task))) {
      SWARM_RETURN_IF_ERROR(tx.Delete(Table::kTask, id));
    }
    return true;
  };
  env_.Batch(std::move(step), [this](const Status& status) {
    if (!status.ok()) env_.logger().Warn("tasks not reaped", {{"error", status.ToString()}});
  });
}

}  // namespace swarm::orchestrator
