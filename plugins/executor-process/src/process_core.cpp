#include "process_core.h"

#include <signal.h>

#include <utility>

namespace swarm::executor_process {
namespace {

StepResult Fail(std::string text) { return StepResult::Failed({Code::kUnknown, std::move(text)}); }

}  // namespace

ProcessCore::ProcessCore(Runtime& runtime, Logger logger, std::string state_dir)
    : logger_(std::move(logger)),
      files_(runtime.files()),
      state_dir_(std::move(state_dir)),
      watcher_(runtime),
      loop_(runtime.NewLoop("executor-process", LoopKind::kBlocking)) {}

Status ProcessCore::Start(const std::string& configured_helper) {
  SWARM_ASSIGN_OR_RETURN(helper_, FindHelper(files_, configured_helper));
  SWARM_RETURN_IF_ERROR(files_.CreateDirectory(state_dir_, 0700));
  return watcher_.Start();
}

void ProcessCore::Stop() {
  watcher_.Stop();
  loop_->Stop();
}

void ProcessCore::Enter(const HandlePtr& handle, StepDone done) {
  ++handle->operation;
  handle->done = std::move(done);
}

void ProcessCore::End(const HandlePtr& handle, StepResult result) {
  handle->kill.reset();
  ++handle->operation;
  if (handle->done) std::exchange(handle->done, nullptr)(std::move(result));
}

ProcessView ProcessCore::Look(const HandlePtr& handle) {
  const ProcessView view = handle->folder.Inspect();
  std::optional<pb::ContainerStatus> status;
  if (view.state > ProcessState::kPrepared) {
    status.emplace();
    status->set_container_id(handle->task_id);
    if (view.state == ProcessState::kRunning) status->set_pid(view.record.process);
    if (view.state == ProcessState::kExited) status->set_exit_code(view.exit_code);
  }
  const std::lock_guard lock(handle->mutex);
  handle->status = std::move(status);
  return view;
}

void ProcessCore::Prepare(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  const Status made = handle->folder.Create();
  if (!made.ok()) return End(handle, StepResult::Failed(made));
  Look(handle);
  End(handle, StepResult::Ok());
}

void ProcessCore::Begin(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  const ProcessView before = Look(handle);
  if (before.state == ProcessState::kAbsent) {
    return End(handle, Fail("the task's folder is gone: " + handle->folder.path()));
  }
  // Running and ended ones are adopted; Wait tells how they end.
  if (before.state != ProcessState::kPrepared) return End(handle, StepResult::Ok());
  (void)files_.Remove(handle->folder.file("error"));
  const Status launched = Launch(helper_, handle->spec, handle->folder);
  if (launched.code() == Code::kUnavailable) return End(handle, StepResult::Retry(launched));
  if (!launched.ok()) return End(handle, StepResult::Failed(launched));
  const ProcessView after = Look(handle);
  if (after.state == ProcessState::kPrepared) {
    const std::string why = handle->folder.StartError();
    return End(handle, Fail(why.empty() ? "the helper program " + helper_ + " failed" : why));
  }
  logger_.Debug("process started",
                {{"task.id", handle->task_id}, {"pid", std::to_string(after.record.process)}});
  End(handle, StepResult::Ok());
}

void ProcessCore::Wait(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  Await(handle, Then::kTellOutcome);
}

void ProcessCore::Await(const HandlePtr& handle, Then then) {
  ProcessView view = Look(handle);
  if (view.state == ProcessState::kRunning) {
    const bool watched =
        watcher_.Watch(view.record.supervisor, view.record.supervisor_start,
                       [weak = weak_from_this(), weak_handle = std::weak_ptr(handle),
                        operation = handle->operation, then] {
                         const auto self = weak.lock();
                         if (!self) return;
                         self->loop_->Post([weak, weak_handle, operation, then] {
                           const auto self = weak.lock();
                           const auto handle = weak_handle.lock();
                           if (self && handle && handle->operation == operation)
                             self->Await(handle, then);
                         });
                       });
    if (watched) return;
    view = Look(handle);
    if (view.state == ProcessState::kRunning) {
      return End(handle, StepResult::Retry({Code::kUnavailable, "cannot watch the process"}));
    }
  }
  Settle(handle, then, view);
}

StepResult ProcessCore::Outcome(const HandlePtr& handle, const ProcessView& view) {
  if (view.state == ProcessState::kLost) {
    return Fail("how the process ended is not known: its supervisor or the machine was stopped");
  }
  if (view.state != ProcessState::kExited) return Fail("the process was never started");
  StepResult result;
  result.exit_code = view.exit_code;
  {
    const std::lock_guard lock(handle->mutex);
    result.container = handle->status;
  }
  if (view.exit_code != 0) {
    result.status = {Code::kUnknown,
                     "task: non-zero exit (" + std::to_string(view.exit_code) + ")"};
  }
  return result;
}

void ProcessCore::Settle(const HandlePtr& handle, Then then, const ProcessView& view) {
  // Its supervisor would have done this.
  if (view.state == ProcessState::kLost) SignalTask(view.record, SIGKILL);
  StepResult result = StepResult::Ok();
  switch (then) {
    case Then::kTellOutcome:
      result = Outcome(handle, view);
      break;
    case Then::kTellStopped:
      if (view.state == ProcessState::kExited) result = Outcome(handle, view);
      result.status = Status::Ok();
      break;
    case Then::kRemove:
      result.status = handle->folder.Remove();
      Look(handle);
      break;
  }
  End(handle, std::move(result));
}

void ProcessCore::Shutdown(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  const ProcessView view = Look(handle);
  if (view.state == ProcessState::kRunning) {
    SignalTask(view.record, handle->spec.stop_signal);
    handle->kill =
        loop_->After(handle->spec.grace, [record = view.record] { SignalTask(record, SIGKILL); });
  }
  Await(handle, Then::kTellStopped);
}

void ProcessCore::Terminate(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  SignalTask(Look(handle).record, SIGKILL);
  Await(handle, Then::kTellStopped);
}

void ProcessCore::Remove(const HandlePtr& handle, StepDone done) {
  Enter(handle, std::move(done));
  SignalTask(Look(handle).record, SIGKILL);
  Await(handle, Then::kRemove);
}

void ProcessCore::Cancel(const HandlePtr& handle) {
  if (handle->done) {
    End(handle, StepResult::Failed({Code::kCancelled, "operation cancelled"}));
  }
}

}  // namespace swarm::executor_process
