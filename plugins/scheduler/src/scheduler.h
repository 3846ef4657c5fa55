// The scheduler: gives each allocated task a node. Keeps the nodes' free resources up to date from
// the store's events; equal tasks are placed together.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "component/component.h"
#include "filters.h"
#include "node_state.h"
#include "placement.h"

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
  // A change to be written.
  struct Decision {
    enum class Kind : unsigned char { kAssign, kExplain, kShutDown };
    Kind kind = Kind::kAssign;
    TaskPtr task;      // as it was decided on
    TaskPtr counted;   // kAssign: as it is counted on the node meanwhile
    std::string text;  // status message, or for kExplain the error
    bool written = false;
  };
  // Tasks of one version of a service; a task without such a version is alone.
  using GroupKey = std::pair<std::string, std::string>;
  struct Group {
    std::vector<TaskPtr> tasks;
    bool stuck = false;  // no node was found; nothing has changed since
  };
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
  void OnNode(const Event& event, const View& view);
  void AddNode(const NodePtr& node, const View& view);

  void Enqueue(const TaskPtr& task);
  // Counts the task on its node, in place of what was counted for it before.
  void Track(const TaskPtr& task);
  void Release(std::string_view task_id);
  void Count(const Task& task, int sign);
  NodeState* FindNode(const std::string& id);
  ServiceNumber NumberOf(const std::string& service_id);
  FailureKey FailureKeyOf(const Task& task);

  void Arm();
  void Schedule();
  void SchedulePreassigned(const View& view);
  void ScheduleGroup(const View& view, Group& group);
  std::vector<TaskPtr> StillWaiting(const View& view, Group& group);
  void Assign(const TaskPtr& task, NodeState& node, std::string_view message);
  void Explain(const View& view, Pipeline& pipeline, const TaskPtr* first, const TaskPtr* limit,
               Group& group);
  void Write();
  void Written(std::vector<Decision>& decisions, const Status& status);
  static Status Apply(Transaction& tx, Decision& decision, TaskTime now);

  component::Env& env_;
  const SchedulerOptions options_;
  std::map<std::string, std::unique_ptr<NodeState>, std::less<>> nodes_;
  std::unordered_set<TaskPtr, TaskIdHash, TaskIdEqual> tracked_;
  std::unordered_map<std::string, ServiceNumber> services_;
  std::map<GroupKey, Group> queue_;
  std::map<std::string, TaskPtr> preassigned_;
  std::vector<Decision> decisions_;

  bool armed_ = false;
  bool writing_ = false;
  bool work_ = false;          // something is to be looked at
  bool nodes_changed_ = true;  // so that what is stuck may fit now
  std::unique_ptr<Timer> timer_;
};

}  // namespace swarm::scheduler
