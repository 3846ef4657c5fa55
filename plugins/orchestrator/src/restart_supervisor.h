// Replaces tasks that ended, as their service's restart policy says: whether, after which delay,
// and how often. Also starts tasks that wait for another one to stop.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "component/component.h"
#include "swarm/store.h"
#include "task_rules.h"

namespace swarm::orchestrator {

// Threading: [loop].
class RestartSupervisor {
 public:
  // `restart_again` is asked to queue a restart of a task that failed during its delayed start.
  RestartSupervisor(
      component::Env& env, PartsCache& parts,
      Function<void(const std::string& service_id, const std::string& task_id)> restart_again);

  // Shuts the tasks of one service down and makes those replacements that the policy allows.
  // Tasks that are gone or not wanted any more are skipped.
  void Restart(const ServicePtr& service, const ClusterPtr& cluster,
               const std::vector<std::string>& task_ids, Function<void()> done);

  // Whether the policy wants a replacement for the task.
  bool ShouldRestart(const Task& task);

  // Raises the task to RUNNING after `delay`, and, if `old_task` is given, not before that one has
  // stopped, its node is lost, or the stop timeout has passed.
  void StartLater(const std::string& task_id, Duration delay, const TaskPtr& old_task);

  // Takes a restart into account that happened before this leader.
  void Record(const Task& replacement, WallTime when);
  void Forget(const std::string& service_id) { history_.erase(service_id); }

  void OnTask(const Event& event);
  void OnNode(const Event& event);

  static Duration DelayOf(const pb::TaskSpec& spec);
  // How long a stop is waited for; shorter in tests.
  void SetStopTimeoutForTest(Duration timeout) { stop_timeout_ = timeout; }

 private:
  struct Delayed {
    std::string service_id;
    std::string old_task_id;  // empty: waits for nobody
    std::string old_node_id;
    SteadyTime armed;
    bool over = false;           // the delay is; now waiting for the old task
    bool restart_after = false;  // it failed already
    std::unique_ptr<Timer> timer;
  };
  struct History {
    std::uint64_t spec_version = 0;
    std::uint64_t total = 0;
    std::deque<WallTime> times;
  };
  struct Replacement;

  bool Exhausted(const Task& task, const pb::RestartPolicy& policy);
  // By value: they end the timer whose callback holds the original.
  void DelayOver(std::string task_id);
  void Promote(std::string task_id);
  bool OldTaskStopped(const Delayed& delayed) const;

  component::Env& env_;
  PartsCache& parts_;
  Function<void(const std::string&, const std::string&)> restart_again_;
  Duration stop_timeout_ = std::chrono::minutes(1);
  std::unordered_map<std::string, Delayed> delayed_;  // by new task
  // Old tasks whose end is waited for, and their nodes: to the new task.
  std::multimap<std::string, std::string> waiting_for_task_;
  std::multimap<std::string, std::string> waiting_for_node_;
  std::unordered_map<std::string, std::map<SlotKey, History>> history_;  // by service
};

}  // namespace swarm::orchestrator
