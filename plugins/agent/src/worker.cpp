#include "worker.h"

#include <unordered_set>
#include <utility>

#include "template/expand.h"

namespace swarm::agent {
namespace {

constexpr const char* kExecutorLabel = "swarm.executor";

// The task without what changes while it runs.
std::string Encode(const pb::Task& task) {
  pb::Task plain = task;
  plain.clear_status();
  plain.clear_meta();
  return plain.SerializeAsString();
}

}  // namespace

void Worker::Restore(StoredTasks tasks) {
  for (auto& [id, stored] : tasks) {
    pb::Task task;
    pb::TaskStatus status;
    if (!task.ParseFromString(stored.task) || !status.ParseFromString(stored.status)) {
      parts_.log.Error("A stored task cannot be read", {{"task.id", id}});
      parts_.writer->Append({TaskRecord::Kind::kForgotten, id, ""});
      continue;
    }
    Entry& entry = tasks_[id];
    entry.data = std::make_shared<const std::string>(std::move(stored.task));
    entry.status = std::move(status);
    Resolve(id, &entry, std::move(task));
    // Its removal was under way when the node stopped.
    if (!stored.assigned) Remove(id);
  }
}

void Worker::Apply(const pb::AssignmentsMessage& message) {
  if (refusing_) return;
  bool complete = message.type() == pb::AssignmentsMessage::COMPLETE;
  dependencies_->Apply(message, complete);
  std::unordered_set<std::string_view> listed;
  for (const auto& change : message.changes()) {
    if (!change.assignment().has_task()) continue;
    const pb::Task& task = change.assignment().task();
    if (change.action() == pb::AssignmentChange::UPDATE) {
      listed.insert(task.id());
      Assign(task);
    } else if (!complete) {
      Remove(task.id());
    }
  }
  if (!complete) return;
  std::vector<std::string> gone;
  for (const auto& [id, entry] : tasks_) {
    if (!listed.contains(id)) gone.push_back(id);
  }
  for (const std::string& id : gone) Remove(id);
  TellKeepers();
}

// Executors then find what earlier lives of this node have left behind.
void Worker::TellKeepers() {
  for (const auto& [name, executor] : parts_.executors) {
    auto* keeper = dynamic_cast<TaskKeeper*>(executor);
    if (!keeper) continue;
    std::vector<std::string> ids;
    for (const auto& [id, entry] : tasks_) ids.push_back(id);
    for (const auto& [id, runner] : ending_) ids.push_back(id);
    keeper->Retain(std::move(ids));
  }
}

void Worker::Assign(const pb::Task& task) {
  if (!task.node_id().empty() && task.node_id() != parts_.node_id) {
    // Its status would have all our reports refused.
    parts_.log.Warn("A task of another node was assigned here", {{"task.id", task.id()}});
    return;
  }
  if (ending_.contains(task.id())) return;
  auto data = std::make_shared<const std::string>(Encode(task));
  auto [found, fresh] = tasks_.try_emplace(task.id());
  Entry& entry = found->second;
  // What runs here knows its status better than the manager does.
  if (fresh) entry.status = task.status();
  bool same = !fresh && *entry.data == *data;
  if (same && entry.runner) return;
  entry.data = std::move(data);
  if (!same) parts_.writer->Append({TaskRecord::Kind::kTask, task.id(), *entry.data});
  if (!entry.runner) return Resolve(task.id(), &entry, task);
  auto copy = std::make_unique<pb::Task>(task);
  *copy->mutable_status() = entry.status;
  if (Status expanded = Expand(copy.get()); !expanded.ok()) {
    parts_.log.Error("A task's new version cannot be expanded",
                     {{"task.id", task.id()}, {"error", expanded.ToString()}});
    *copy->mutable_spec() = task.spec();
  }
  entry.runner->Update(std::move(copy));
}

void Worker::Resolve(const std::string& id, Entry* entry, pb::Task task) {
  *task.mutable_status() = entry->status;
  pb::TaskState desired = task.desired_state();
  const pb::TaskStatus before = entry->status;
  pb::TaskStatus status = before;
  auto controller = MakeController(*entry, &task);
  if (controller.ok()) {
    ApplyResolved(&status);
  } else {
    ApplyUnresolved(controller.status(), &status);
  }
  StampIfChanged(before, parts_.clock.Now(), &status);
  SetStatus(id, status);
  if (!controller.ok()) return;
  TaskRunner::Parts parts{parts_.loop,
                          parts_.post,
                          parts_.clock,
                          parts_.log.With("task.id", id),
                          parts_.options.retry_initial,
                          parts_.options.retry_maximum,
                          [this, id](const pb::TaskStatus& changed) { SetStatus(id, changed); }};
  entry->runner = std::make_shared<TaskRunner>(std::move(parts), std::move(*controller), desired,
                                               std::move(status));
  entry->runner->Begin();
  parts_.touched(id);
}

Result<std::unique_ptr<Controller>> Worker::MakeController(const Entry& entry, pb::Task* task) {
  SWARM_ASSIGN_OR_RETURN(Executor * executor, ExecutorOf(*task));
  SWARM_RETURN_IF_ERROR(Expand(task));
  return executor->NewController(
      *task, std::make_shared<TaskDependencies>(dependencies_, *task, entry.data, node_));
}

Result<Executor*> Worker::ExecutorOf(const pb::Task& task) const {
  std::string name;
  for (const auto* labels :
       {&task.spec().container().labels(), &task.service_annotations().labels()}) {
    if (auto found = labels->find(kExecutorLabel); found != labels->end()) name = found->second;
  }
  for (const auto& [known, executor] : parts_.executors) {
    if (name.empty() || name == known) return executor;
  }
  std::string all;
  for (const auto& [known, executor] : parts_.executors) all += (all.empty() ? "" : ", ") + known;
  return Status(Code::kNotFound, name.empty()
                                     ? "this node has no executor"
                                     : "this node has no executor \"" + name + "\" (label " +
                                           kExecutorLabel + "), only: " + all);
}

Status Worker::Expand(pb::Task* task) const {
  if (!task->spec().has_container()) return {};
  return templates::ExpandContainer(templates::ContextOf(*task, node_.get()),
                                    task->mutable_spec()->mutable_container());
}

void Worker::SetStatus(const std::string& id, const pb::TaskStatus& status) {
  auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  found->second.status = status;
  parts_.writer->Append({TaskRecord::Kind::kStatus, id, status.SerializeAsString()});
  parts_.report(id, status);
  parts_.touched(id);
}

std::vector<std::string> Worker::TaskIds() const {
  std::vector<std::string> out;
  for (const auto& [id, entry] : tasks_) out.push_back(id);
  return out;
}

std::optional<LogTask> Worker::FindTask(const std::string& id) const {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return std::nullopt;
  const Entry& entry = found->second;
  pb::Task task;
  if (!task.ParseFromString(*entry.data)) return std::nullopt;
  return LogTask{id, std::move(*task.mutable_service_id()), entry.status.state(),
                 entry.runner ? entry.runner->log_source() : nullptr};
}

void Worker::ReportAll() {
  for (const auto& [id, entry] : tasks_) parts_.report(id, entry.status);
}

void Worker::Remove(const std::string& id) {
  auto entry = tasks_.extract(id);
  if (entry.empty()) return;
  parts_.forget(id);
  if (!entry.mapped().runner) {
    parts_.writer->Append({TaskRecord::Kind::kForgotten, id, ""});
    return;
  }
  parts_.writer->Append({TaskRecord::Kind::kReleased, id, ""});
  EndRunner(id, std::move(entry.mapped().runner), true);
}

void Worker::EndRunner(const std::string& id, std::shared_ptr<TaskRunner> runner, bool remove) {
  parts_.going(id);
  auto& slot = ending_[id];
  slot = std::move(runner);
  slot->Close(remove, [weak = weak_from_this(), id, remove] {
    if (auto self = weak.lock()) self->OnEnded(id, remove);
  });
}

void Worker::OnEnded(const std::string& id, bool remove) {
  if (remove) parts_.writer->Append({TaskRecord::Kind::kForgotten, id, ""});
  // The runner is still on the stack.
  auto runner = ending_.extract(id);
  parts_.loop.Post([runner = std::move(runner.mapped())] {});
  if (!ending_.empty()) return;
  for (auto& done : std::exchange(when_ended_, {})) done();
}

void Worker::Leave(Function<void()> done) {
  refusing_ = true;
  while (!tasks_.empty()) Remove(std::string(tasks_.begin()->first));
  if (ending_.empty()) return done();
  when_ended_.push_back(std::move(done));
}

void Worker::Close(Function<void()> done) {
  refusing_ = true;
  // Their entries stay, for what still becomes known of them.
  for (auto& [id, entry] : tasks_) {
    if (entry.runner) EndRunner(id, std::exchange(entry.runner, nullptr), false);
  }
  if (ending_.empty()) return done();
  when_ended_.push_back(std::move(done));
}

}  // namespace swarm::agent
