#include "orchestrator.h"

#include <algorithm>
#include <utility>

#include "component/nodes.h"
#include "component/times.h"

namespace swarm::orchestrator {
namespace {

constexpr Duration kPauseAfterFailure = std::chrono::seconds(1);

// The task of the same slot that a node is still to stop, or null.
TaskPtr Stopping(const View& view, const Task& next) {
  TaskPtr out;
  const By by = next.slot != 0 ? By::Slot(next.service_id, next.slot) : By::Node(next.node_id);
  (void)view.FindTasks(by, [&](const TaskPtr& task) {
    const bool stops = task->service_id == next.service_id && task->id != next.id &&
                       task->desired_state > pb::RUNNING && task->status.state >= pb::ASSIGNED &&
                       !IsTerminal(task->status.state);
    if (stops) out = task;
    return !stops;
  });
  return out;
}

}  // namespace

Orchestrator::Orchestrator(component::Env& env)
    : env_(env),
      restarts_(env, parts_,
                [this](const std::string& service_id, const std::string& task_id) {
                  QueueRestart(service_id, task_id);
                }),
      updates_(UpdateTools{env, parts_, restarts_, queue_,
                           [this](const std::string& service_id) { QueueReconcile(service_id); }}),
      writes_(env),
      tools_{env, parts_, queue_, restarts_, updates_, writes_, nullptr},
      replicated_(tools_),
      global_(tools_),
      reaper_(env),
      enforcer_(env) {}

void Orchestrator::Begin(const ViewPtr& view) {
  tools_.cluster = FindCluster(*view);
  reaper_.Begin(*view, tools_.cluster.get());
  RepairTasks(*view);
  enforcer_.Begin(*view);
  (void)view->FindMessages(Table::kService, By::All(), [this](const MessagePtr& message) {
    const auto& service = static_cast<const pb::Service&>(*message);
    if (ModeOf(service) == Mode::kGlobal) global_services_.insert(service.id());
    QueueReconcile(service.id());
    return true;
  });
}

void Orchestrator::OnCommit(const Commit& commit) {
  const ViewPtr view = env_.Read();
  // Tasks before services: a reconcile must see what was restarted.
  for (const Event& event : commit.events) {
    if (event.table == Table::kTask) {
      restarts_.OnTask(event);
      updates_.OnTask(event);
      OnTask(event, *view);
      reaper_.OnTask(event);
    } else if (event.table == Table::kCluster && event.change != Change::kRemove) {
      tools_.cluster = std::static_pointer_cast<const pb::Cluster>(event.object);
      reaper_.OnCluster(*tools_.cluster);
    } else if (event.table == Table::kNode) {
      restarts_.OnNode(event);
      OnNode(event, *view);
      enforcer_.OnNode(event, *view);
    }
  }
  for (const Event& event : commit.events) {
    if (event.table == Table::kService) OnService(event);
  }
}

void Orchestrator::OnService(const Event& event) {
  const auto& service = static_cast<const pb::Service&>(*event.object);
  if (event.change == Change::kRemove) {
    global_services_.erase(service.id());
    updates_.Cancel(service.id());
    RemoveTasks(service.id());
    restarts_.Forget(service.id());
    parts_.Forget(service.id());
    again_.erase(service.id());
    return;
  }
  if (ModeOf(service) == Mode::kGlobal) global_services_.insert(service.id());
  QueueReconcile(service.id());
  if (event.change == Change::kUpdate) reaper_.OnServiceUpdate(event, *env_.Read());
}

void Orchestrator::OnTask(const Event& event, const View& view) {
  const Task& task = *event.task;
  if (task.desired_state > pb::RUNNING || task.service_id.empty()) return;
  if (event.change == Change::kRemove) {
    const auto service = view.Get<pb::Service>(task.service_id);
    if (service && ModeOf(*service) == Mode::kReplicated) QueueReconcile(task.service_id);
    return;
  }
  const bool ended = IsTerminal(task.status.state);
  const bool lost =
      !ended && !task.node_id.empty() && IsInvalid(view.Get<pb::Node>(task.node_id).get());
  if (ended || lost) QueueRestart(task.service_id, task.id);
}

void Orchestrator::OnNode(const Event& event, const View& view) {
  const auto& node = static_cast<const pb::Node&>(*event.object);
  const bool removed = event.change == Change::kRemove;
  if (removed || IsInvalid(&node)) return NodeLost(node.id(), removed, view);
  if (node.spec().availability() == pb::NodeSpec::PAUSE) return;
  const auto* before = static_cast<const pb::Node*>(event.old_object.get());
  if (before && node.status().state() == before->status().state() &&
      component::SamePlace(node, *before)) {
    return;
  }
  for (const std::string& service_id : global_services_) QueueNode(service_id, node.id());
}

void Orchestrator::NodeLost(const std::string& node_id, bool removed, const View& view) {
  std::vector<std::string> gone;
  (void)view.FindTasks(By::Node(node_id), [&](const TaskPtr& task) {
    const auto service = view.Get<pb::Service>(task->service_id);
    if (!service) return true;
    if (ModeOf(*service) == Mode::kGlobal) {
      if (removed) {
        gone.push_back(task->id);
      } else if (task->desired_state <= pb::RUNNING) {
        QueueNode(task->service_id, node_id);
      }
    } else if (task->desired_state <= pb::RUNNING) {
      QueueRestart(task->service_id, task->id);
    }
    return true;
  });
  Delete(std::move(gone));
}

void Orchestrator::RepairTasks(const View& view) {
  std::vector<std::string> orphans;
  std::map<std::string, std::map<SlotKey, Slot>> replaced;
  (void)view.FindTasks(By::All(), [&](const TaskPtr& task) {
    if (task->service_id.empty()) return true;
    const auto service = view.Get<pb::Service>(task->service_id);
    if (!service) {
      orphans.push_back(task->id);
      return true;
    }
    if (ModeOf(*service) == Mode::kOther) return true;
    RepairTask(task, view);
    // Only what limits restarts needs its history.
    if (task->has_spec_version && task->spec->restart().max_attempts() > 0) {
      replaced[task->service_id][SlotOf(*task)].push_back(task);
    }
    return true;
  });
  for (const auto& [service_id, slots] : replaced) RebuildHistory(slots);
  Delete(std::move(orphans));
}

void Orchestrator::RepairTask(const TaskPtr& task, const View& view) {
  Event event;
  event.table = Table::kTask;
  event.change = Change::kUpdate;
  event.task = task;
  OnTask(event, view);
  if (task->desired_state == pb::READY && task->status.state <= pb::COMPLETE)
    ResumeDelay(task, view);
}

void Orchestrator::ResumeDelay(const TaskPtr& task, const View& view) {
  const Duration delay = RestartSupervisor::DelayOf(*task->spec);
  const WallTime due = component::ToWallTime(TaskTimestamp(*task)) + delay;
  const Duration left = std::min<Duration>(delay, due - env_.Now());
  restarts_.StartLater(task->id, std::max(left, Duration::zero()), Stopping(view, *task));
}

void Orchestrator::RebuildHistory(const std::map<SlotKey, Slot>& slots) {
  for (const auto& [key, found] : slots) {
    Slot tasks = found;
    std::sort(tasks.begin(), tasks.end(),
              [](const TaskPtr& a, const TaskPtr& b) { return a->created_at < b->created_at; });
    // Those of the last version, which after a rollback is not the highest one.
    const std::uint64_t version = tasks.back()->spec_version;
    auto first = tasks.end();
    while (first != tasks.begin() && (*std::prev(first))->spec_version == version) --first;
    // The first of them was no restart.
    for (++first; first != tasks.end(); ++first) {
      restarts_.Record(**first, component::ToWallTime((*first)->created_at));
    }
  }
}

void Orchestrator::QueueRestart(const std::string& service_id, const std::string& task_id) {
  auto& wanted = restart_wanted_[service_id];
  wanted.insert(task_id);
  if (wanted.size() > 1) return;
  queue_.Add(service_id, [this, service_id](Function<void()> release) {
    Restart(service_id, std::move(release));
  });
}

void Orchestrator::Restart(const std::string& service_id, Function<void()> release) {
  const auto wanted = restart_wanted_.extract(service_id);
  const auto service = env_.Read()->Get<pb::Service>(service_id);
  if (!service || wanted.empty()) return release();
  const std::vector<std::string> ids(wanted.mapped().begin(), wanted.mapped().end());
  switch (ModeOf(*service)) {
    case Mode::kReplicated:
      return restarts_.Restart(service, tools_.cluster, ids, std::move(release));
    case Mode::kGlobal:
      return global_.Restart(service, ids, std::move(release));
    case Mode::kOther:
      return release();
  }
}

void Orchestrator::QueueReconcile(const std::string& service_id) {
  if (!reconcile_wanted_.insert(service_id).second) return;
  queue_.Add(service_id, [this, service_id](Function<void()> release) {
    Reconcile(service_id, std::move(release));
  });
}

void Orchestrator::Reconcile(const std::string& service_id, Function<void()> release) {
  reconcile_wanted_.erase(service_id);
  const auto service = env_.Read()->Get<pb::Service>(service_id);
  if (!service) return release();
  // After writing, look again until there is nothing left to do.
  auto done = [this, service_id, release = std::move(release)](bool settled) mutable {
    if (!settled) Later(service_id);
    release();
  };
  switch (ModeOf(*service)) {
    case Mode::kReplicated:
      return replicated_.Reconcile(service, std::move(done));
    case Mode::kGlobal:
      return global_.Reconcile(service, std::move(done));
    case Mode::kOther:
      return done(true);
  }
}

void Orchestrator::QueueNode(const std::string& service_id, const std::string& node_id) {
  auto& wanted = nodes_wanted_[service_id];
  wanted.insert(node_id);
  if (wanted.size() > 1) return;
  queue_.Add(service_id, [this, service_id](Function<void()> release) {
    ReconcileNodes(service_id, std::move(release));
  });
}

void Orchestrator::ReconcileNodes(const std::string& service_id, Function<void()> release) {
  const auto found = nodes_wanted_.find(service_id);
  if (found == nodes_wanted_.end()) return release();
  if (found->second.empty()) {
    nodes_wanted_.erase(found);
    return release();
  }
  const std::string node_id = *found->second.begin();
  found->second.erase(found->second.begin());
  const auto service = env_.Read()->Get<pb::Service>(service_id);
  if (!service || ModeOf(*service) != Mode::kGlobal) {
    nodes_wanted_.erase(found);
    return release();
  }
  global_.ReconcileNode(service, node_id,
                        [this, service_id, release = std::move(release)]() mutable {
                          ReconcileNodes(service_id, std::move(release));
                        });
}

void Orchestrator::RemoveTasks(const std::string& service_id) {
  queue_.Add(service_id, [this, service_id](Function<void()> release) {
    auto ids = std::make_shared<std::vector<std::string>>();
    (void)env_.Read()->FindTasks(By::Service(service_id), [&ids](const TaskPtr& task) {
      if (task->desired_state < pb::REMOVE) ids->push_back(task->id);
      return true;
    });
    auto step = [ids, at = std::size_t{0}](Transaction& tx) mutable -> Result<bool> {
      if (at == ids->size()) return false;
      SWARM_RETURN_IF_ERROR(RaiseDesired(tx, (*ids)[at++], pb::REMOVE));
      return true;
    };
    env_.Batch(std::move(step),
               [this, service_id, release = std::move(release)](const Status& status) mutable {
                 if (!status.ok()) {
                   env_.logger().Warn("tasks of a removed service not written",
                                      {{"service.id", service_id}, {"error", status.ToString()}});
                 }
                 release();
               });
  });
}

void Orchestrator::Delete(std::vector<std::string> task_ids) {
  if (task_ids.empty()) return;
  auto step = [ids = std::move(task_ids),
               at = std::size_t{0}](Transaction& tx) mutable -> Result<bool> {
    if (at == ids.size()) return false;
    const std::string& id = ids[at++];
    const TaskPtr task = tx.GetTask(id);
    if (!task) return true;
    const auto node = task->node_id.empty() ? nullptr : tx.Get<pb::Node>(task->node_id);
    const bool on_node =
        node && task->status.state >= pb::ASSIGNED && !IsTerminal(task->status.state);
    // The reaper deletes what a node still has, once it has stopped.
    SWARM_RETURN_IF_ERROR(on_node ? RaiseDesired(tx, id, pb::REMOVE) : tx.Delete(Table::kTask, id));
    return true;
  };
  env_.Batch(std::move(step), [this](const Status& status) {
    if (!status.ok()) env_.logger().Warn("tasks not deleted", {{"error", status.ToString()}});
  });
}

void Orchestrator::Later(const std::string& service_id) {
  if (again_.contains(service_id)) return;
  again_[service_id] = env_.loop().After(kPauseAfterFailure, [this, id = service_id] {
    const std::string service_id = id;
    again_.erase(service_id);
    QueueReconcile(service_id);
  });
}

}  // namespace swarm::orchestrator
