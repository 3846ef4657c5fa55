#include "task_runner.h"

#include <algorithm>
#include <utility>

namespace swarm::agent {
namespace {

constexpr int kRemoveAttempts = 3;

}  // namespace

TaskRunner::TaskRunner(Parts parts, std::unique_ptr<Controller> controller, pb::TaskState desired,
                       pb::TaskStatus status)
    : parts_(std::move(parts)),
      controller_(std::move(controller)),
      desired_(desired),
      status_(std::move(status)) {}

TaskRunner::~TaskRunner() = default;

void TaskRunner::Begin() { Run(); }

void TaskRunner::Run() {
  if (running_ != Operation::kNone || retry_) return;
  if (closing_) return ContinueClosing();
  while (true) {
    Step step = NextStep(status_.state(), desired_);
    if (step.nothing) {
      if (status_.state() >= pb::COMPLETE) update_.reset();  // nothing begins any more
      return;
    }
    if (step.operation != Operation::kNone) return Launch(step);
    const pb::TaskStatus before = status_;
    ApplyResult(step, StepResult::Ok(), &status_);
    Observe(StepResult::Ok());
    Publish(before);
  }
}

void TaskRunner::Launch(const Step& step) {
  if (update_) {
    auto task = std::exchange(update_, nullptr);
    if (Status updated = controller_->Update(*task); !updated.ok()) {
      parts_.log.Error("Updating a task's controller failed", {{"error", updated.ToString()}});
    }
  }
  running_ = step.operation;
  StepDone done = [weak = weak_from_this(), post = parts_.post, step](StepResult result) {
    post([weak, step, result = std::move(result)]() mutable {
      if (auto self = weak.lock()) self->OnDone(step, std::move(result));
    });
  };
  switch (step.operation) {
    case Operation::kPrepare:
      return controller_->Prepare(std::move(done));
    case Operation::kStart:
      return controller_->Start(std::move(done));
    case Operation::kWait:
      return controller_->Wait(std::move(done));
    case Operation::kShutdown:
      return controller_->Shutdown(std::move(done));
    case Operation::kNone:
      break;
  }
}

void TaskRunner::OnDone(const Step& step, StepResult result) {
  running_ = Operation::kNone;
  if (!controller_) return;
  const pb::TaskStatus before = status_;
  Outcome outcome = ApplyResult(step, result, &status_);
  Observe(result);
  Publish(before);
  // A cancelled operation that nothing newer has replaced ended by itself, say by a time limit.
  bool replaced = closing_ || update_;
  if (outcome == Outcome::kRetry || (outcome == Outcome::kCancelled && !replaced)) return Retry();
  retry_wait_ = Duration::zero();
  Run();
}

void TaskRunner::Retry() {
  if (closing_) return Run();
  retry_wait_ = std::clamp(2 * retry_wait_, parts_.retry_initial, parts_.retry_maximum);
  retry_ = parts_.loop.After(retry_wait_, [this] {
    auto fired = std::move(retry_);
    Run();
  });
}

void TaskRunner::Observe(const StepResult& result) {
  if (status_.state() < pb::STARTING) return;
  ApplyObservation(result, controller_->ContainerStatus(), controller_->PortStatus(), &status_);
}

void TaskRunner::Publish(const pb::TaskStatus& before) {
  bool leaving = closing_ && remove_;
  if (StampIfChanged(before, parts_.clock.Now(), &status_) && !leaving) parts_.changed(status_);
}

void TaskRunner::Update(std::unique_ptr<pb::Task> task) {
  if (closing_ || task->desired_state() < desired_) return;
  desired_ = task->desired_state();
  update_ = std::move(task);
  retry_.reset();
  retry_wait_ = Duration::zero();
  // Preparing and starting go on to their end unless the task is to stop; waiting begins anew.
  bool interrupt = running_ == Operation::kWait ||
                   (desired_ >= pb::SHUTDOWN && running_ != Operation::kShutdown);
  if (running_ == Operation::kNone) return Run();
  if (interrupt) controller_->Cancel();
}

void TaskRunner::Close(bool remove, Function<void()> done) {
  if (closing_) return;
  closing_ = true;
  remove_ = remove;
  closed_ = std::move(done);
  retry_.reset();
  if (running_ != Operation::kNone) return controller_->Cancel();
  parts_.loop.Post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->Run();
  });
}

void TaskRunner::ContinueClosing() {
  if (remove_) return RemoveTraces(kRemoveAttempts);
  LetGo();
}

void TaskRunner::RemoveTraces(int attempts_left) {
  running_ = Operation::kShutdown;  // not to be interrupted
  controller_->Remove(
      [weak = weak_from_this(), post = parts_.post, attempts_left](StepResult result) {
        post([weak, attempts_left, status = std::move(result.status)] {
          if (auto self = weak.lock()) self->OnRemoved(attempts_left, status);
        });
      });
}

void TaskRunner::OnRemoved(int attempts_left, const Status& status) {
  if (status.ok()) return LetGo();
  parts_.log.Warn("Removing a task failed", {{"error", status.ToString()}});
  if (attempts_left <= 1) return LetGo();
  retry_ = parts_.loop.After(parts_.retry_initial, [this, attempts_left] {
    auto fired = std::move(retry_);
    RemoveTraces(attempts_left - 1);
  });
}

void TaskRunner::LetGo() {
  running_ = Operation::kShutdown;
  controller_->Close([weak = weak_from_this(), post = parts_.post] {
    post([weak] {
      auto self = weak.lock();
      if (!self) return;
      self->controller_.reset();
      if (self->closed_) std::exchange(self->closed_, nullptr)();
    });
  });
}

}  // namespace swarm::agent
