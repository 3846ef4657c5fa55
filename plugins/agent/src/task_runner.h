// Walks one task through its states: one operation of its controller at a time.
// Threading: [loop].
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "component/poster.h"
#include "state_machine.h"
#include "swarm/executor.h"
#include "swarm/function.h"
#include "swarm/log.h"
#include "swarm/runtime.h"

namespace swarm::agent {

class TaskRunner : public std::enable_shared_from_this<TaskRunner> {
 public:
  struct Parts {
    Loop& loop;
    component::Poster post;
    const Clock& clock;
    Logger log;
    Duration retry_initial;
    Duration retry_maximum;
    // The status has changed.
    Function<void(const pb::TaskStatus&)> changed;
  };
  TaskRunner(Parts parts, std::unique_ptr<Controller> controller, pb::TaskState desired,
             pb::TaskStatus status);
  ~TaskRunner();

  void Begin();
  // A newer version; the desired state only rises.
  void Update(std::unique_ptr<pb::Task> task);
  // Cancels what is under way and lets go of the task, after removing its traces if `remove`.
  // `done` runs once, later. Further calls do nothing.
  void Close(bool remove, Function<void()> done);

  const pb::TaskStatus& status() const { return status_; }
  // Null when the task's output cannot be read. Not to be used any more once Close was called.
  LogSource* log_source() const { return dynamic_cast<LogSource*>(controller_.get()); }
  pb::TaskState desired() const { return desired_; }

 private:
  void Run();
  void Launch(const Step& step);
  void OnDone(const Step& step, StepResult result);
  void Observe(const StepResult& result);
  void Publish(const pb::TaskStatus& before);
  void Retry();
  void ContinueClosing();
  void RemoveTraces(int attempts_left);
  void OnRemoved(int attempts_left, const Status& status);
  void LetGo();

  Parts parts_;
  std::unique_ptr<Controller> controller_;
  pb::TaskState desired_;
  pb::TaskStatus status_;
  std::unique_ptr<pb::Task> update_;  // for the controller, before its next operation
  Operation running_ = Operation::kNone;
  std::unique_ptr<Timer> retry_;
  Duration retry_wait_{};
  bool closing_ = false;
  bool remove_ = false;
  Function<void()> closed_;
};

}  // namespace swarm::agent
