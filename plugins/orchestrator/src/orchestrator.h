// The orchestrator: turns services into tasks. Listens to the store, decides on its loop, writes
// transactions; everything it knows it can find again in the store, restart history included.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "component/component.h"
#include "enforcer.h"
#include "global.h"
#include "reaper.h"
#include "replicated.h"
#include "task_writes.h"
#include "tools.h"

namespace swarm::orchestrator {

// Threading: [loop].
class Orchestrator final : public component::Part {
 public:
  explicit Orchestrator(component::Env& env);

  void Begin(const ViewPtr& view) override;
  void OnCommit(const Commit& commit) override;

  RestartSupervisor& restarts() { return restarts_; }

 private:
  void OnService(const Event& event);
  void OnTask(const Event& event, const View& view);
  void OnNode(const Event& event, const View& view);
  void NodeLost(const std::string& node_id, bool removed, const View& view);

  // Repair after a change of leader.
  void RepairTasks(const View& view);
  void RepairTask(const TaskPtr& task, const View& view);
  void ResumeDelay(const TaskPtr& task, const View& view);
  void RebuildHistory(const std::map<SlotKey, Slot>& slots);

  // Collect work; each kind is done once for a service however often it was asked for.
  void QueueRestart(const std::string& service_id, const std::string& task_id);
  void QueueReconcile(const std::string& service_id);
  void QueueNode(const std::string& service_id, const std::string& node_id);
  void Restart(const std::string& service_id, Function<void()> release);
  void Reconcile(const std::string& service_id, Function<void()> release);
  void ReconcileNodes(const std::string& service_id, Function<void()> release);
  void RemoveTasks(const std::string& service_id);
  void Delete(std::vector<std::string> task_ids);
  void Later(const std::string& service_id);

  component::Env& env_;
  PartsCache parts_;
  ServiceQueue queue_;
  RestartSupervisor restarts_;
  UpdateSupervisor updates_;
  TaskWrites writes_;
  Tools tools_;
  Replicated replicated_;
  Global global_;
  Reaper reaper_;
  Enforcer enforcer_;

  std::set<std::string> global_services_;
  // Asked for and not begun, by service.
  std::map<std::string, std::set<std::string>> restart_wanted_;
  std::set<std::string> reconcile_wanted_;
  std::map<std::string, std::set<std::string>> nodes_wanted_;
  // Services whose last write failed, and when to look again.
  std::map<std::string, std::unique_ptr<Timer>> again_;
};

}  // namespace swarm::orchestrator
