#include "sim_core.h"

#include <algorithm>
#include <utility>

#include "sim_log.h"

namespace swarm::executor_sim {
namespace {

constexpr int kKilled = 137;  // 128 + SIGKILL, as a shell tells it

StepResult Fail(std::string text) { return StepResult::Failed({Code::kUnknown, std::move(text)}); }

const Overrides& OverridesOf(const Handle& handle) {
  static const Overrides none;
  return handle.overrides ? *handle.overrides : none;
}

}  // namespace

std::optional<pb::ContainerStatus> StatusOf(const Handle& handle) {
  const Phase phase = handle.container->phase.load();
  if (phase == Phase::kAbsent) return std::nullopt;
  pb::ContainerStatus status;
  status.set_container_id("sim-" + handle.task_id);
  if (phase == Phase::kRunning) status.set_pid(handle.container->pid);
  if (phase == Phase::kExited) status.set_exit_code(handle.container->exit_code.load());
  return status;
}

SimCore::SimCore(Runtime& runtime, SimOptions options)
    : options_(std::move(options)),
      clock_(runtime.clock()),
      loop_(runtime.NewLoop("executor-sim", LoopKind::kShared)),
      random_(runtime.NewRandom()) {}

std::shared_ptr<SimContainer> SimCore::FindOrMake(const std::string& task_id) {
  const std::lock_guard lock(mutex_);
  auto& slot = containers_[task_id];
  if (!slot) slot = std::make_shared<SimContainer>();
  return slot;
}

std::shared_ptr<Operation> SimCore::Begin(const HandlePtr& handle, StepDone done) {
  handle->running = std::make_shared<Operation>(std::move(done));
  return handle->running;
}

void SimCore::Later(const HandlePtr& handle, Duration delay, Then then, int argument) {
  const auto operation = handle->running;
  if (delay <= Duration::zero()) return (this->*then)(handle, *operation, argument);
  operation->timer =
      loop_->After(delay, [weak = weak_from_this(), weak_handle = std::weak_ptr(handle),
                           weak_operation = std::weak_ptr(operation), then, argument] {
        const auto self = weak.lock();
        const auto handle = weak_handle.lock();
        const auto operation = weak_operation.lock();
        if (!self || !handle || !operation || operation->ended()) return;
        ((*self).*then)(handle, *operation, argument);
      });
}

Duration SimCore::Draw(const DelayRange& range, const std::optional<Duration>& override_value) {
  return override_value ? *override_value : random_->Between(range.low, range.high);
}

bool SimCore::Chance(std::int64_t per_mille) {
  return per_mille > 0 && static_cast<std::int64_t>(random_->Below(1000)) < per_mille;
}

void SimCore::Prepare(const HandlePtr& handle, StepDone done) {
  const auto operation = Begin(handle, std::move(done));
  if (handle->container->phase.load() != Phase::kAbsent) return operation->End(StepResult::Ok());
  Later(handle, Draw(options_.prepare, OverridesOf(*handle).prepare), &SimCore::FinishPrepare);
}

void SimCore::FinishPrepare(const HandlePtr& handle, Operation& operation, int) {
  const Overrides& over = OverridesOf(*handle);
  SimContainer& container = *handle->container;
  if (container.prepare_attempts++ < over.prepare_retries) {
    return operation.End(
        StepResult::Retry({Code::kUnavailable, "sim: not yet, as the label asks"}));
  }
  if (!over.prepare_error.empty()) return operation.End(Fail(over.prepare_error));
  if (Chance(options_.prepare_failures)) {
    return operation.End(Fail("sim: prepare failed by chance"));
  }
  {
    // Removed before: then it is there again from now on.
    const std::lock_guard lock(mutex_);
    containers_.try_emplace(handle->task_id, handle->container);
  }
  container.phase = Phase::kPrepared;
  operation.End(StepResult::Ok());
}

void SimCore::Start(const HandlePtr& handle, StepDone done) {
  const auto operation = Begin(handle, std::move(done));
  const Phase phase = handle->container->phase.load();
  if (phase == Phase::kAbsent) return operation->End(Fail("sim: container destroyed"));
  if (phase != Phase::kPrepared) return operation->End(StepResult::Ok());
  Later(handle, Draw(options_.start, OverridesOf(*handle).start), &SimCore::FinishStart);
}

void SimCore::FinishStart(const HandlePtr& handle, Operation& operation, int) {
  const Overrides& over = OverridesOf(*handle);
  if (!over.start_error.empty()) return operation.End(Fail(over.start_error));
  if (Chance(options_.start_failures)) return operation.End(Fail("sim: start failed by chance"));
  Launch(handle);
  operation.End(StepResult::Ok());
}

void SimCore::Launch(const HandlePtr& handle) {
  const Overrides& over = OverridesOf(*handle);
  SimContainer& container = *handle->container;
  container.pid = next_pid_++;
  container.started_at = clock_.Now();
  container.phase = Phase::kRunning;
  const Duration run = Draw(options_.run, over.run);
  const Duration sick = over.unhealthy_after.value_or(options_.unhealthy_after);
  const bool falls_ill = sick > Duration::zero() && (run <= Duration::zero() || sick < run);
  if (!falls_ill && run <= Duration::zero()) return;
  int code =
      over.exit_code.value_or(Chance(options_.run_failures) ? options_.failure_exit_code : 0);
  if (falls_ill) code = kKilled;
  container.end = loop_->After(
      falls_ill ? sick : run,
      [weak = weak_from_this(), held = std::weak_ptr(handle->container), code, falls_ill] {
        const auto self = weak.lock();
        const auto container = held.lock();
        if (!self || !container) return;
        container->unhealthy = falls_ill;
        self->Exit(*container, code);
      });
}

void SimCore::Exit(SimContainer& container, int code) {
  if (container.phase.load() == Phase::kExited) return;
  container.exit_code = code;
  container.ended_at = clock_.Now();
  container.phase = Phase::kExited;
  container.end.reset();
  for (const auto& weak : std::exchange(container.readers, {})) {
    if (const auto reader = weak.lock()) reader->OnExit(*container.ended_at);
  }
  // Whoever waits asks again, and is told how it ended.
  if (const auto waiter = std::exchange(container.waiter, nullptr)) waiter->End(StepResult::Ok());
}

StepResult SimCore::Outcome(const Handle& handle) const {
  StepResult result;
  const int code = handle.container->exit_code.load();
  result.exit_code = code;
  result.container = StatusOf(handle);
  if (handle.container->unhealthy) {
    result.status = {Code::kUnknown, "sim: unhealthy container"};
  } else if (code != 0) {
    result.status = {Code::kUnknown, "task: non-zero exit (" + std::to_string(code) + ")"};
  }
  return result;
}

void SimCore::Wait(const HandlePtr& handle, StepDone done) {
  const Phase phase = handle->container->phase.load();
  if (phase == Phase::kExited) return Begin(handle, std::move(done))->End(Outcome(*handle));
  if (phase != Phase::kRunning) {
    return Begin(handle, std::move(done))->End(Fail("sim: container destroyed"));
  }
  handle->container->waiter =
      Begin(handle, [self = weak_from_this(), handle = std::weak_ptr(handle),
                     done = std::move(done)](StepResult result) mutable {
        const auto core = self.lock();
        const auto held = handle.lock();
        if (result.status.ok() && core && held) result = core->Outcome(*held);
        done(std::move(result));
      });
}

void SimCore::Shutdown(const HandlePtr& handle, StepDone done) {
  const auto operation = Begin(handle, std::move(done));
  const Overrides& over = OverridesOf(*handle);
  if (handle->container->phase.load() != Phase::kRunning) return operation->End(StepResult::Ok());
  if (!over.stop_error.empty()) return operation->End(Fail(over.stop_error));
  const Duration asked = Draw(options_.stop, over.stop);
  const bool too_slow = asked > handle->grace;
  const int code = too_slow ? kKilled : over.stop_exit_code.value_or(0);
  Later(handle, std::min(asked, handle->grace), &SimCore::FinishShutdown, code);
}

void SimCore::FinishShutdown(const HandlePtr& handle, Operation& operation, int exit_code) {
  Exit(*handle->container, exit_code);
  StepResult result;
  result.exit_code = handle->container->exit_code.load();
  result.container = StatusOf(*handle);
  operation.End(std::move(result));
}

void SimCore::Terminate(const HandlePtr& handle, StepDone done) {
  const auto operation = Begin(handle, std::move(done));
  if (handle->container->phase.load() == Phase::kRunning) Exit(*handle->container, kKilled);
  operation->End(StepResult::Ok());
}

void SimCore::Remove(const HandlePtr& handle, StepDone done) {
  const auto operation = Begin(handle, std::move(done));
  {
    const std::lock_guard lock(mutex_);
    containers_.erase(handle->task_id);
  }
  SimContainer& container = *handle->container;
  if (container.phase.load() == Phase::kRunning) Exit(container, kKilled);
  container.phase = Phase::kAbsent;
  container.started_at.reset();
  container.ended_at.reset();
  operation->End(StepResult::Ok());
}

void SimCore::Cancel(const HandlePtr& handle) {
  if (!handle->running) return;
  const auto operation = std::exchange(handle->running, nullptr);
  if (handle->container->waiter == operation) handle->container->waiter.reset();
  operation->End(StepResult::Failed({Code::kCancelled, "operation cancelled"}));
}

void SimCore::Read(const HandlePtr& handle, const std::shared_ptr<SimLog>& reader) {
  SimContainer& container = *handle->container;
  if (!container.started_at) {
    return reader->Fail({Code::kNotFound, "sim: the task has written nothing yet"});
  }
  std::erase_if(container.readers, [](const auto& weak) { return weak.expired(); });
  if (!container.ended_at) container.readers.push_back(reader);
  reader->Begin(*container.started_at, container.ended_at, OverridesOf(*handle).log);
}

void SimCore::Clear() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, container] : containers_) {
    container->end.reset();
    container->waiter.reset();
  }
  containers_.clear();
}

}  // namespace swarm::executor_sim
