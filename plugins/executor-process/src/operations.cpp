// The operations of ProcessCore: each looks at what is there, acts, and waits for what comes.
#include <signal.h>
#include <sys/stat.h>

#include <utility>

#include "process_core.h"

namespace swarm::executor_process {
namespace {

StepResult Fail(std::string text) { return StepResult::Failed({Code::kUnknown, std::move(text)}); }

constexpr const char* kUnderWay = "another start of the task is under way";

std::string FormatBytes(std::int64_t bytes) {
  constexpr std::int64_t kMebi = 1 << 20;
  return bytes % kMebi == 0 ? std::to_string(bytes / kMebi) + " MiB"
                            : std::to_string(bytes) + " bytes";
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// Missing sources are found before anything is started, when they still reject the task.
Status CheckSources(const std::string& encoded) {
  const std::optional<Plan> plan = DecodePlan(encoded);
  SWARM_CHECK(plan.has_value(), "a plan is read as written");
  for (const PlanMount& mount : plan->mounts) {
    struct stat info {};
    if (mount.kind != PlanMount::Kind::kBind || mount.create_source) continue;
    if (stat(mount.source.c_str(), &info) != 0) {
      return {Code::kInvalidArgument,
              "invalid bind mount source, source path not found: " + mount.source};
    }
  }
  return Status::Ok();
}

}  // namespace

void ProcessCore::Enter(const HandlePtr& handle, StepDone done) {
  ++handle->operation;
  handle->waiting.reset();
  handle->done = std::move(done);
}

void ProcessCore::End(const HandlePtr& handle, StepResult result) {
  handle->kill.reset();
  handle->health_watch.reset();
  handle->waiting.reset();
  ++handle->operation;
  if (handle->done) std::exchange(handle->done, nullptr)(std::move(result));
}

void ProcessCore::OnceLaunched(const HandlePtr& handle, AfterLaunch then) {
  if (!handle->launching) return then(handle, "");
  handle->launched = [weak = std::weak_ptr(handle), operation = handle->operation,
                      then = std::move(then)](const std::string& words) mutable {
    const auto handle = weak.lock();
    if (handle && handle->operation == operation) then(handle, words);
  };
}

void ProcessCore::Prepare(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  if (handle->beginning) {
    const Status sources = CheckSources(handle->beginning->plan);
    if (!sources.ok()) return End(handle, StepResult::Failed(sources));
  }
  const Status made = handle->folder.Create();
  if (!made.ok()) return End(handle, StepResult::Failed(made));
  Look(handle);
  End(handle, StepResult::Ok());
}

void ProcessCore::Begin(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  OnceLaunched(handle, [this](const HandlePtr& handle, const std::string&) {
    const ProcessView before = Look(handle);
    if (before.state == ProcessState::kAbsent) {
      return End(handle, Fail("the task's folder is gone: " + handle->folder.path()));
    }
    // Running and ended ones are adopted; Wait tells how they end.
    if (before.state != ProcessState::kPrepared) return Await(handle, Then::kHealthy);
    const Status started = StartHelper(handle);
    if (!started.ok()) return End(handle, StepResult::Failed(started));
    OnceLaunched(handle, [this](const HandlePtr& handle, const std::string& words) {
      const ProcessView after = Look(handle);
      if (after.state == ProcessState::kPrepared) {
        const std::string why = words.empty() ? "it ended without a word" : words;
        return End(handle, Fail("the helper program " + helper_ + " failed: " + why));
      }
      if (after.state == ProcessState::kFailed) return End(handle, Fail(after.error));
      logger_.Debug("process started",
                    {{"task.id", handle->task_id}, {"pid", std::to_string(after.record.process)}});
      Await(handle, Then::kHealthy);
    });
  });
}

void ProcessCore::Wait(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  OnceLaunched(handle, [this](const HandlePtr& handle, const std::string&) {
    Await(handle, Then::kTellOutcome);
  });
}

// What a watch calls: on the loop, the operation that waits looks again.
Function<void()> ProcessCore::Resume(const HandlePtr& handle) {
  return [weak = weak_from_this(), weak_handle = std::weak_ptr(handle)] {
    const auto self = weak.lock();
    if (!self) return;
    self->loop_->Post([weak, weak_handle] {
      const auto self = weak.lock();
      const auto handle = weak_handle.lock();
      if (self && handle && handle->waiting) self->Await(handle, *handle->waiting);
    });
  };
}

void ProcessCore::Await(const HandlePtr& handle, Then then) {
  ProcessView view = Look(handle);
  if (view.state == ProcessState::kStarting) {
    return End(handle, StepResult::Retry({Code::kUnavailable, kUnderWay}));
  }
  if (view.state == ProcessState::kRunning) {
    if (AwaitRunning(handle, then, view)) return;
    view = Look(handle);
    if (view.state == ProcessState::kRunning) {
      return End(handle, StepResult::Retry({Code::kUnavailable, "cannot watch the process"}));
    }
  }
  Settle(handle, then, view);
}

// Whether that is all for now.
bool ProcessCore::AwaitRunning(const HandlePtr& handle, Then then, const ProcessView& view) {
  const bool starting = then == Then::kHealthy;
  const bool health = handle->manners.health && (starting || then == Then::kTellOutcome);
  if (starting && !health) {
    End(handle, StepResult::Ok());
    return true;
  }
  if (health) {
    // Watched before it is read, so that no change is missed.
    if (!handle->health_watch) {
      handle->health_watch = watcher_.Folder(handle->folder.path(), Resume(handle));
    }
    const std::string state = handle->folder.Health().state;
    if (state == "unhealthy") {
      StopUnhealthy(handle, view);
      return true;
    }
    if (starting && state == "healthy") {
      End(handle, StepResult::Ok());
      return true;
    }
  }
  if (!handle->exit_watch) {
    handle->exit_watch =
        watcher_.Exit(view.record.supervisor, view.record.supervisor_start, Resume(handle));
  }
  handle->waiting = then;
  return handle->exit_watch != nullptr && (!health || handle->health_watch != nullptr);
}

void ProcessCore::StopGracefully(const HandlePtr& handle, const ProcessView& view) {
  SignalProcess(view.record, handle->manners.stop_signal);
  handle->kill = loop_->After(handle->manners.grace, [record = view.record] { KillTask(record); });
}

void ProcessCore::StopUnhealthy(const HandlePtr& handle, const ProcessView& view) {
  logger_.Debug("process is unhealthy", {{"task.id", handle->task_id}});
  StopGracefully(handle, view);
  Await(handle, Then::kTellUnhealthy);
}

StepResult ProcessCore::Outcome(const HandlePtr& handle, const ProcessView& view) {
  if (view.state == ProcessState::kFailed) return Fail(view.error);
  if (view.state == ProcessState::kLost) {
    return Fail("how the process ended is not known: its supervisor or the machine was stopped");
  }
  if (view.state != ProcessState::kExited) return Fail("the process was never started");
  StepResult result;
  result.exit_code = view.exit.code;
  {
    const std::lock_guard lock(handle->mutex);
    result.container = handle->status;
  }
  if (view.exit.code == 0) return result;
  std::string text = "task: non-zero exit (" + std::to_string(view.exit.code) + ")";
  if (view.exit.out_of_memory) {
    text += ": out of memory";
    const std::int64_t limit = handle->manners.memory_limit;
    if (limit > 0) text += ", its limit is " + FormatBytes(limit);
  }
  result.status = {Code::kUnknown, std::move(text)};
  return result;
}

void ProcessCore::Settle(const HandlePtr& handle, Then then, const ProcessView& view) {
  handle->exit_watch.reset();
  // Its supervisor would have done this.
  if (view.state == ProcessState::kLost) {
    KillTask(view.record);
    EndGroups(handle->task_id);
  }
  StepResult result = StepResult::Ok();
  switch (then) {
    case Then::kHealthy:
      // Whatever ran has been started, unless it was to become healthy first.
      if (view.state == ProcessState::kFailed || handle->manners.health) {
        result = Outcome(handle, view);
      }
      break;
    case Then::kTellOutcome:
      result = Outcome(handle, view);
      break;
    case Then::kTellStopped:
      if (view.state == ProcessState::kExited) result = Outcome(handle, view);
      result.status = Status::Ok();
      break;
    case Then::kTellUnhealthy: {
      const std::string words = FirstLine(handle->folder.Health().words);
      result = Fail("dockerexec: unhealthy container" +
                    (words.empty() ? "" : "\nthe last probe said: " + words));
      const std::lock_guard lock(handle->mutex);
      result.container = handle->status;
      break;
    }
    case Then::kRemove:
      result.status = handle->folder.Remove();
      Look(handle);
      break;
  }
  End(handle, std::move(result));
}

void ProcessCore::Shutdown(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  OnceLaunched(handle, [this](const HandlePtr& handle, const std::string&) {
    const ProcessView view = Look(handle);
    if (view.state == ProcessState::kRunning) StopGracefully(handle, view);
    Await(handle, Then::kTellStopped);
  });
}

void ProcessCore::Terminate(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  OnceLaunched(handle, [this](const HandlePtr& handle, const std::string&) {
    KillTask(Look(handle).record);
    Await(handle, Then::kTellStopped);
  });
}

void ProcessCore::Remove(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  OnceLaunched(handle, [this](const HandlePtr& handle, const std::string&) {
    KillTask(Look(handle).record);
    Await(handle, Then::kRemove);
  });
}

void ProcessCore::Cancel(const HandlePtr& handle) {
  if (handle->done) {
    End(handle, StepResult::Failed({Code::kCancelled, "operation cancelled"}));
  }
}

}  // namespace swarm::executor_process
