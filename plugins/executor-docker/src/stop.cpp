// A container's end by our will, and the removal of what it leaves.
#include <chrono>
#include <utility>
#include <vector>

#include "core.h"
#include "create_body.h"
#include "json_read.h"
#include "names.h"

namespace swarm::executor_docker {
namespace {

constexpr Duration kDefaultGrace = std::chrono::seconds(10);
// What the engine needs beyond the grace period to kill and to tidy up.
constexpr Duration kStopMargin = std::chrono::seconds(60);
// An engine tries for some seconds to remove files that are in use, and then says so.
constexpr int kSlowCalls = 5;
constexpr Duration kRemovalPause = std::chrono::milliseconds(500);
constexpr int kRemovalLooks = 60;

Duration GraceOf(const pb::Task& task) {
  const pb::ContainerSpec& spec = task.spec().container();
  if (!spec.has_stop_grace_period()) return kDefaultGrace;
  return std::max(Duration::zero(), Duration(Nanoseconds(spec.stop_grace_period())));
}

// The engine counts whole seconds; a process gets at least what it was promised.
std::string Seconds(Duration grace) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(grace).count());
}

}  // namespace

Flow<StepResult> Core::SendStop(std::string container, Duration grace) {
  engine::Request request =
      engine::Request::Post("/containers/" + engine::Escape(container) + "/stop");
  request.query.emplace_back("t", Seconds(grace));
  request.timeout = grace + kStopMargin;
  const engine::Reply reply = co_await link_->Ask(std::move(request));
  if (reply.ok() || reply.failure == engine::Failure::kNotFound) co_return StepResult::Ok();
  StepResult failed = FailureOf(reply, "stopping the container failed");
  // It still runs, so the task has not ended in any way: the engine is asked again.
  failed.temporary = true;
  co_return failed;
}

Flow<StepResult> Core::Shutdown(Handle& handle) {
  Look look = co_await Inspect(handle);
  if (!look.ok()) co_return LookFailure(look.reply);
  if (!look.view) co_return StepResult::Ok();
  if (look.view->state == RunState::kRunning) {
    StepResult stopped = co_await SendStop(handle.container_id, GraceOf(*handle.task));
    if (!stopped.status.ok()) co_return stopped;
    look = co_await Inspect(handle);
    if (!look.ok()) co_return LookFailure(look.reply);
  }
  StepResult result;
  const std::lock_guard lock(handle.mutex);
  result.container = handle.status;
  if (look.view && look.view->state == RunState::kExited) result.exit_code = look.view->exit_code;
  co_return result;
}

Flow<StepResult> Core::Terminate(Handle& handle) {
  Look look = co_await Inspect(handle);
  if (!look.ok()) co_return LookFailure(look.reply);
  if (!look.view || look.view->state != RunState::kRunning) co_return StepResult::Ok();
  engine::Request request =
      engine::Request::Post("/containers/" + engine::Escape(handle.container_id) + "/kill");
  const engine::Reply reply = co_await link_->Ask(std::move(request));
  // It may have ended by itself meanwhile.
  const bool gone =
      reply.failure == engine::Failure::kNotFound || reply.failure == engine::Failure::kConflict;
  if (!reply.ok() && !gone) co_return FailureOf(reply, "killing the container failed");
  while (true) {
    look = co_await Inspect(handle);
    if (!look.ok()) co_return LookFailure(look.reply);
    if (!look.view || look.view->state != RunState::kRunning) co_return StepResult::Ok();
    if (!handle.changed.raised()) co_await handle.changed.gate().Next();
  }
}

Flow<StepResult> Core::SendRemove(std::string container) {
  for (int looks = 0; looks < kRemovalLooks; ++looks) {
    engine::Request request = engine::Request::Delete("/containers/" + engine::Escape(container));
    request.query.emplace_back("v", "1");
    request.query.emplace_back("force", "1");
    request.timeout = kSlowCalls * parts_.options.engine.call_timeout;
    const engine::Reply reply = co_await link_->Ask(std::move(request));
    if (reply.ok() || reply.failure == engine::Failure::kNotFound) co_return StepResult::Ok();
    // Somebody else removes it.
    if (reply.failure != engine::Failure::kConflict) {
      co_return FailureOf(reply, "removing the container failed");
    }
    co_await link_->Sleep(kRemovalPause);
  }
  co_return Fail("removing the container does not come to an end");
}

// The container first: what it still uses cannot go before.
Flow<StepResult> Core::Remove(Handle& handle) {
  Look look = co_await Inspect(handle);
  if (!look.ok()) co_return LookFailure(look.reply);
  if (look.view) {
    if (look.view->state == RunState::kRunning) {
      StepResult stopped = co_await SendStop(handle.container_id, GraceOf(*handle.task));
      if (stopped.status.code() == Code::kUnavailable) co_return stopped;
      // Removal uses force, so it need not wait for more.
    }
    StepResult removed = co_await SendRemove(handle.container_id);
    if (!removed.status.ok()) co_return removed;
    Record(handle, nullptr);
  }
  if (parts_.payloads) parts_.payloads->Remove(*handle.task);
  if (retained_) retained_->erase(handle.task_id);
  (void)co_await RemoveNetworks(handle);
  co_return StepResult::Ok();
}

bool Core::UsedElsewhere(const Handle& handle, const std::string& network_id) const {
  for (const auto& [id, other] : handles_) {
    if (id == handle.task_id) continue;
    for (const auto& attachment : other->task->networks()) {
      if (attachment.network().id() == network_id) return true;
    }
  }
  return false;
}

// Networks that this executor has made and no container uses. A failure costs nothing: the next
// task on the network tries again.
Flow<bool> Core::RemoveNetworks(Handle& handle) {
  const std::vector<TaskNetwork> networks = NetworksOf(*handle.task);
  for (const TaskNetwork& network : networks) {
    if (network.predefined || network.id.empty() || UsedElsewhere(handle, network.id)) continue;
    engine::Request ask = engine::Request::Get("/networks/" + engine::Escape(network.name));
    const engine::Reply found = co_await link_->Ask(std::move(ask));
    const auto body = found.ok() ? found.Json() : Result<nlohmann::json>(found.status);
    if (!body.ok()) continue;
    const std::string made_for =
        Text(At(At(*body, "Labels"), std::string(kLabelNetworkId).c_str()));
    if (made_for != network.id) continue;
    engine::Request remove = engine::Request::Delete("/networks/" + engine::Escape(network.name));
    const engine::Reply removed = co_await link_->Ask(std::move(remove));
    const bool in_use = removed.failure == engine::Failure::kForbidden;
    if (!removed.ok() && !in_use && removed.failure != engine::Failure::kNotFound) {
      parts_.log.Warn("removing a task's network failed",
                      {{"network", network.name}, {"error", removed.status.message()}});
    }
  }
  co_return true;
}

}  // namespace swarm::executor_docker
