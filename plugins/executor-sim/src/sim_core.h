// The simulated containers of one executor, and the operations on them. One loop for all: an idle
// container costs neither a thread nor a timer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim_options.h"
#include "swarm/executor.h"
#include "swarm/runtime.h"

namespace swarm::executor_sim {

enum class Phase : std::uint8_t { kAbsent, kPrepared, kRunning, kExited };

class Operation;
class SimLog;

// Written on the loop; `phase` and `exit_code` are read from any thread.
struct SimContainer {
  std::atomic<Phase> phase{Phase::kAbsent};
  std::atomic<int> exit_code{0};
  std::int32_t pid = 0;
  std::optional<WallTime> started_at;  // for its output
  std::optional<WallTime> ended_at;
  bool unhealthy = false;
  int prepare_attempts = 0;
  std::unique_ptr<Timer> end;                  // its own end, if it has one
  std::shared_ptr<Operation> waiter;           // the Wait under way
  std::vector<std::weak_ptr<SimLog>> readers;  // of its output, to be told that it has ended
};

// One operation of one controller. Ends exactly once.
class Operation {
 public:
  explicit Operation(StepDone done) : done_(std::move(done)) {}
  // [loop]
  void End(StepResult result) {
    timer.reset();
    if (done_) std::exchange(done_, nullptr)(std::move(result));
  }
  bool ended() const { return !done_; }
  std::unique_ptr<Timer> timer;

 private:
  StepDone done_;
};

// What a controller is to the core. The first three are constant, the rest belongs to the loop.
struct Handle {
  std::string task_id;
  std::shared_ptr<SimContainer> container;
  std::shared_ptr<const Overrides> overrides;  // null: none
  Duration grace{};                            // stop_grace_period
  std::shared_ptr<Operation> running;
};
using HandlePtr = std::shared_ptr<Handle>;

// Threading: [loop] unless tagged.
class SimCore : public std::enable_shared_from_this<SimCore> {
 public:
  SimCore(Runtime& runtime, SimOptions options);

  // [any] The loop all this runs on.
  Loop& loop() { return *loop_; }
  // [any]
  const Clock& clock() const { return clock_; }
  // [any] Constant.
  const SimOptions& options() const { return options_; }

  // [any] The task's container; one in phase kAbsent when there is none yet.
  std::shared_ptr<SimContainer> FindOrMake(const std::string& task_id);
  void Prepare(const HandlePtr& handle, StepDone done);
  void Start(const HandlePtr& handle, StepDone done);
  void Wait(const HandlePtr& handle, StepDone done);
  void Shutdown(const HandlePtr& handle, StepDone done);
  void Terminate(const HandlePtr& handle, StepDone done);
  void Remove(const HandlePtr& handle, StepDone done);
  void Cancel(const HandlePtr& handle);
  // Begins to give out the container's output.
  void Read(const HandlePtr& handle, const std::shared_ptr<SimLog>& reader);
  // Drops every container, as a machine that dies does.
  void Clear();

 private:
  std::shared_ptr<Operation> Begin(const HandlePtr& handle, StepDone done);
  // Runs `then` after `delay`, unless the operation has ended by then.
  using Then = void (SimCore::*)(const HandlePtr&, Operation&, int);
  void Later(const HandlePtr& handle, Duration delay, Then then, int argument = 0);
  void FinishPrepare(const HandlePtr& handle, Operation& operation, int);
  void FinishStart(const HandlePtr& handle, Operation& operation, int);
  void FinishShutdown(const HandlePtr& handle, Operation& operation, int exit_code);
  Duration Draw(const DelayRange& range, const std::optional<Duration>& override_value);
  bool Chance(std::int64_t per_mille);
  void Launch(const HandlePtr& handle);
  void Exit(SimContainer& container, int code);
  StepResult Outcome(const Handle& handle) const;

  const SimOptions options_;
  const Clock& clock_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Random> random_;
  // New controllers are made on any thread, so finding a container takes a lock; nothing is called
  // while it is held.
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<SimContainer>> containers_;  // guarded by mutex_
  std::int32_t next_pid_ = 1;
};

// [any] Nothing while there is no container.
std::optional<pb::ContainerStatus> StatusOf(const Handle& handle);

}  // namespace swarm::executor_sim
