// A container's run: its start, its health, its end.
#include <utility>

#include "core.h"

namespace swarm::executor_docker {
namespace {

constexpr int kSlowCalls = 5;
constexpr const char* kUnhealthy = "dockerexec: unhealthy container";
constexpr const char* kDestroyed = "dockerexec: container destroyed";

pb::ContainerStatus StatusOf(const ContainerView& view) {
  pb::ContainerStatus out;
  out.set_container_id(view.id);
  out.set_pid(view.pid);
  out.set_exit_code(view.exit_code);
  return out;
}

// Of one that has ended.
StepResult Outcome(const ContainerView& view, bool unhealthy) {
  StepResult result;
  result.exit_code = view.exit_code;
  result.container = StatusOf(view);
  if (unhealthy) {
    // Stopped for that: however it ended, it has failed.
    result.status = {Code::kUnknown, kUnhealthy};
    return result;
  }
  if (view.exit_code == 0) return result;
  std::string why = view.error;
  if (why.empty() && view.out_of_memory) why = "out of memory";
  result.status = {Code::kUnknown, "task: non-zero exit (" + std::to_string(view.exit_code) + ")" +
                                       (why.empty() ? "" : ": " + why)};
  return result;
}

bool Ended(const ContainerView& view) {
  return view.state == RunState::kExited || view.state == RunState::kRemoving;
}

}  // namespace

Flow<StepResult> Core::Begin(Handle& handle) {
  Look look = co_await Inspect(handle);
  if (!look.ok()) co_return LookFailure(look.reply);
  if (!look.view) co_return Fail(kDestroyed);
  if (look.view->state == RunState::kCreated) {
    StepResult started = co_await SendStart(handle);
    if (!started.status.ok()) co_return started;
    co_return co_await AwaitHealth(handle);
  }
  // Started before: by us, whose answer was lost, or before a restart of this process.
  if (look.view->state == RunState::kRunning) co_return co_await AwaitHealth(handle);
  co_return StepResult::Ok();
}

Flow<StepResult> Core::SendStart(Handle& handle) {
  for (bool again = false;; again = true) {
    engine::Request request =
        engine::Request::Post("/containers/" + engine::Escape(handle.container_id) + "/start");
    request.timeout = kSlowCalls * parts_.options.engine.call_timeout;
    const engine::Reply reply = co_await Make(std::move(request));
    if (reply.ok()) co_return StepResult::Ok();
    const bool no_network = reply.failure == engine::Failure::kNotFound &&
                            reply.engine_message.find("network") != std::string::npos;
    if (!no_network || again || handle.task->networks_size() == 0) {
      StepResult failed = FailureOf(reply, "starting container failed");
      if (!failed.temporary) (void)co_await Inspect(handle);
      co_return failed;
    }
    // It went with the last container that used it.
    StepResult networks = co_await EnsureNetworks(handle);
    if (!networks.status.ok()) co_return networks;
  }
}

// Ends at once for a container that has no way to tell its health.
Flow<StepResult> Core::AwaitHealth(Handle& handle) {
  while (true) {
    const Look look = co_await Inspect(handle);
    if (!look.ok()) co_return LookFailure(look.reply);
    if (!look.view) co_return Fail(kDestroyed);
    if (Ended(*look.view)) {
      StepResult result = Outcome(*look.view, handle.unhealthy);
      // Without a check it has started, however shortly; waiting for it tells how it ended.
      if (look.view->health == Health::kNone) co_return StepResult::Ok();
      co_return result;
    }
    if (look.view->health == Health::kNone || look.view->health == Health::kHealthy) {
      co_return StepResult::Ok();
    }
    if (look.view->health == Health::kUnhealthy) co_return co_await Unhealthy(handle);
    if (!handle.changed.raised()) co_await handle.changed.gate().Next();
  }
}

Flow<StepResult> Core::Wait(Handle& handle) {
  while (true) {
    const Look look = co_await Inspect(handle);
    if (!look.ok()) co_return LookFailure(look.reply);
    if (!look.view) co_return Fail(kDestroyed);
    if (Ended(*look.view)) co_return Outcome(*look.view, handle.unhealthy);
    if (look.view->state == RunState::kCreated) {
      const std::string& why = look.view->error;
      co_return Fail("the container was never started" + (why.empty() ? "" : ": " + why));
    }
    if (look.view->health == Health::kUnhealthy) co_return co_await Unhealthy(handle);
    if (!handle.changed.raised()) co_await handle.changed.gate().Next();
  }
}

// Stops it. If the engine goes away meanwhile, the next look finds it stopped.
Flow<StepResult> Core::Unhealthy(Handle& handle) {
  handle.unhealthy = true;
  StepResult stopped = co_await Shutdown(handle);
  if (stopped.temporary) co_return stopped;
  StepResult result = Fail(kUnhealthy);
  result.container = stopped.container;
  result.exit_code = stopped.exit_code;
  co_return result;
}

}  // namespace swarm::executor_docker
