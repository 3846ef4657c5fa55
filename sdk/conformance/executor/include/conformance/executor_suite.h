// What every implementation of executor/1 must do. Link swarm_executor_conformance into a test
// program, write an ExecutorRig for the executor, and instantiate:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, swarm::conformance::ExecutorSuite,
//                            testing::Values(swarm::conformance::ExecutorFactory{"mine", &Make}));
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "swarm/executor.h"
#include "swarm/runtime.h"

namespace swarm::conformance {

// A started executor, what tasks must look like for it, and how to wait.
class ExecutorRig {
 public:
  virtual ~ExecutorRig() = default;
  virtual Executor& executor() = 0;
  // As after a restart of the process: another executor on the same state. False when its tasks
  // do not survive that.
  virtual bool Restart() = 0;

  // Makes a task that runs until it is stopped.
  virtual void RunForever(pb::ContainerSpec& container) = 0;
  // ... that ends soon after its start.
  virtual void ExitWith(pb::ContainerSpec& container, int code) = 0;
  // ... that runs and does not heed the stop signal.
  virtual void IgnoreStop(pb::ContainerSpec& container) = 0;
  // ... that cannot be started.
  virtual void FailToStart(pb::ContainerSpec& container) = 0;

  // Runs `change`, after which a condition may hold. From any thread.
  virtual void Note(Function<void()> change) = 0;
  // Waits, within a bound, until the condition holds; whether it does.
  virtual bool Until(const std::function<bool()>& condition) = 0;
};

// Waits of rigs on the virtual runtime need no more than this.
class VirtualRig : public ExecutorRig {
 public:
  void Note(Function<void()> change) override { change(); }
};

// Waits of rigs on real threads.
class ThreadedRig : public ExecutorRig {
 public:
  void Note(Function<void()> change) override;
  bool Until(const std::function<bool()>& condition) override;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct ExecutorFactory {
  std::string name;
  std::function<std::unique_ptr<ExecutorRig>()> make;
};
inline std::ostream& operator<<(std::ostream& out, const ExecutorFactory& f) {
  return out << f.name;
}

class ExecutorSuite : public testing::TestWithParam<ExecutorFactory> {
 protected:
  using Method = void (Controller::*)(StepDone);
  // An operation under way.
  using Pending = std::shared_ptr<std::optional<StepResult>>;

  ExecutorSuite() : rig_(GetParam().make()) {}
  ~ExecutorSuite() override;

  ExecutorRig& rig() { return *rig_; }
  pb::Task TaskOf(const std::function<void(pb::ContainerSpec&)>& edit);
  // A controller that the suite removes at the end.
  Controller& Control(const pb::Task& task);
  void Close(Controller& controller);

  Pending Begin(Controller& controller, Method method);
  StepResult Await(const Pending& pending);
  StepResult Run(Controller& controller, Method method);
  // Prepares and starts.
  void Launch(Controller& controller);

 private:
  std::unique_ptr<ExecutorRig> rig_;
  std::vector<std::unique_ptr<Controller>> controllers_;  // null: closed
  std::map<std::string, pb::Task> tasks_;
  int next_task_ = 0;
};

}  // namespace swarm::conformance
