#include "conformance/executor_suite.h"

#include <chrono>
#include <utility>

namespace swarm::conformance {
namespace {

using namespace std::chrono_literals;

constexpr auto kBound = 30s;

}  // namespace

void ThreadedRig::Note(Function<void()> change) {
  const std::lock_guard lock(mutex_);
  change();
  changed_.notify_all();
}

bool ThreadedRig::Until(const std::function<bool()>& condition) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kBound, condition);
}

ExecutorSuite::~ExecutorSuite() {
  for (auto& controller : controllers_) {
    if (controller) Close(*controller);
  }
  // Nothing may be left running, also of tasks whose controller was closed on the way.
  for (const auto& [id, task] : tasks_) {
    Controller& last = Control(task);
    EXPECT_TRUE(Run(last, &Controller::Remove).status.ok());
    Close(last);
  }
}

pb::Task ExecutorSuite::TaskOf(const std::function<void(pb::ContainerSpec&)>& edit) {
  pb::Task task;
  task.set_id("task" + std::to_string(next_task_++));
  edit(*task.mutable_spec()->mutable_container());
  return task;
}

Controller& ExecutorSuite::Control(const pb::Task& task) {
  tasks_[task.id()] = task;
  auto made = rig().executor().NewController(task, nullptr);
  EXPECT_TRUE(made.ok()) << made.status();
  controllers_.push_back(*std::move(made));
  return *controllers_.back();
}

void ExecutorSuite::Close(Controller& controller) {
  auto closed = std::make_shared<bool>(false);
  controller.Close([this, closed] { rig().Note([closed] { *closed = true; }); });
  EXPECT_TRUE(rig().Until([closed] { return *closed; }));
  for (auto& owned : controllers_) {
    if (owned.get() == &controller) owned.reset();
  }
}

ExecutorSuite::Pending ExecutorSuite::Begin(Controller& controller, Method method) {
  auto pending = std::make_shared<std::optional<StepResult>>();
  (controller.*method)([this, pending](StepResult result) {
    rig().Note([pending, result = std::move(result)]() mutable {
      EXPECT_FALSE(pending->has_value()) << "an operation ended twice";
      *pending = std::move(result);
    });
  });
  return pending;
}

StepResult ExecutorSuite::Await(const Pending& pending) {
  const bool ended = rig().Until([pending] { return pending->has_value(); });
  EXPECT_TRUE(ended) << "an operation did not end";
  return ended ? **pending : StepResult::Failed({Code::kDeadlineExceeded, "did not end"});
}

StepResult ExecutorSuite::Run(Controller& controller, Method method) {
  return Await(Begin(controller, method));
}

void ExecutorSuite::Launch(Controller& controller) {
  const StepResult prepared = Run(controller, &Controller::Prepare);
  ASSERT_TRUE(prepared.status.ok()) << prepared.status;
  const StepResult started = Run(controller, &Controller::Start);
  ASSERT_TRUE(started.status.ok()) << started.status;
}

}  // namespace swarm::conformance
