// The scheduler: gives each allocated task a node. Keeps the nodes' free resources up to date from
// the store's events; equal tasks are placed together.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "component/component.h"
#include "decision.h"
#include "filters.h"
#include "node_table.h"
#include "placement.h"
#include "service_numbers.h"
#include "waiting.h"

namespace swarm::scheduler {

struct SchedulerOptions {
  // How long events are collected before tasks are placed; zero: until none is left.
  Duration debounce{};
};

// Threading: [loop].
class Scheduler final : public component::Part {
 public:
  Scheduler(component::Env& env, SchedulerOptions options);

  void Begin(const ViewPtr& view) override;
  void OnCommit(const Commit& commit) override;

 private:
  struct TaskIdHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
    std::size_t operator()(const TaskPtr& task) const { return (*this)(task->id); }
  };
  struct TaskIdEqual {
    using is_transparent = void;
    static std::string_view Id(const TaskPtr& task) { return task->id; }
    static std::string_view Id(std::string_view id) { return id; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return Id(a) == Id(b);
    }
  };

  void OnTask(const Event& event);
  void OnNode(const Event& event);

  // The task waits for a node, or for its node to be confirmed, or to be reported shut down.
  void Wait(const TaskPtr& task);
  void StopWaiting(const Task& task);
  // Counts the task on its node, in place of what was counted for it before.
  void Track(const TaskPtr& task);
  void Release(std::string_view task_id);
  void Count(const Task& task, int sign);
  FailureKey FailureKeyOf(const Task& task);

  void Arm();
  void Schedule();
  void ReportShutDown(const View& view);
  void SchedulePreassigned(const View& view, const std::vector<NodeTable::Changed>& changed);
  // First attempt for a group, or for the tasks that joined it since.
  void Try(Group& group);
  // Another attempt, for which only the nodes that changed matter.
  void Retry(Group& group, const std::vector<NodeTable::Changed>& changed);
  // Gives the group's tasks to the nodes of the list, or to any.
  void Place(Group& group, const Pipeline& pipeline, const std::vector<NodeState*>* only);
  void Assign(const TaskPtr& task, NodeState& node, const std::vector<GenericNeed>& generic,
              std::string_view message);
  void Explain(Group& group);
  void ExplainTask(const TaskPtr& task, const std::string& text);
  void Write();
  void Written(std::vector<Decision>& decisions, const Status& status);

  component::Env& env_;
  const SchedulerOptions options_;
  NodeTable nodes_;
  ServiceNumbers services_;
  std::unordered_set<TaskPtr, TaskIdHash, TaskIdEqual> tracked_;
  WaitingGroups waiting_;
  PreassignedTasks preassigned_;
  std::set<std::string> shut_down_;  // before they had a node
  std::vector<Decision> decisions_;

  bool armed_ = false;
  bool writing_ = false;
  bool work_ = false;  // something is to be looked at
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Timer> explain_timer_;  // for explanations that are out of date
  bool explain_ = false;                  // its time has come
};

}  // namespace swarm::scheduler
