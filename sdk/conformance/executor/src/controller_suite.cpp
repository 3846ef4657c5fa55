// One task from its preparation to its removal.
#include "conformance/executor_suite.h"

namespace swarm::conformance {

TEST_P(ExecutorSuite, DescribesItsNode) {
  const auto describe = [&] {
    auto out = std::make_shared<std::optional<Result<pb::NodeDescription>>>();
    rig().executor().Describe([&, out](Result<pb::NodeDescription> result) {
      rig().Note([out, result = std::move(result)]() mutable { *out = std::move(result); });
    });
    EXPECT_TRUE(rig().Until([out] { return out->has_value(); }));
    return **out;
  };
  const auto first = describe();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->platform().os().empty());
  EXPECT_FALSE(first->platform().architecture().empty());
  EXPECT_GT(first->resources().nano_cpus(), 0);
  EXPECT_GT(first->resources().memory_bytes(), 0);
  const auto second = describe();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
}

TEST_P(ExecutorSuite, RunsATaskToItsEnd) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().ExitWith(c, 0); }));
  EXPECT_FALSE(task.ContainerStatus().has_value());
  Launch(task);
  const StepResult end = Run(task, &Controller::Wait);
  EXPECT_TRUE(end.status.ok()) << end.status;
  EXPECT_EQ(end.exit_code, 0);
  ASSERT_TRUE(task.ContainerStatus().has_value());
  EXPECT_FALSE(task.ContainerStatus()->container_id().empty());
}

TEST_P(ExecutorSuite, TellsTheExitCode) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().ExitWith(c, 3); }));
  Launch(task);
  const StepResult end = Run(task, &Controller::Wait);
  EXPECT_EQ(end.status.message(), "task: non-zero exit (3)");
  EXPECT_FALSE(end.temporary);
  EXPECT_EQ(end.exit_code, 3);
  ASSERT_TRUE(end.container.has_value());
  EXPECT_EQ(end.container->exit_code(), 3);
  // Asked again, it says the same.
  EXPECT_EQ(Run(task, &Controller::Wait).exit_code, 3);
}

TEST_P(ExecutorSuite, StepsMayBeRepeated) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().RunForever(c); }));
  Launch(task);
  const auto pid = task.ContainerStatus()->pid();
  EXPECT_GT(pid, 0);
  Launch(task);
  EXPECT_EQ(task.ContainerStatus()->pid(), pid) << "started twice";
}

TEST_P(ExecutorSuite, AStartThatFailsSaysWhy) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().FailToStart(c); }));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const StepResult start = Run(task, &Controller::Start);
  EXPECT_FALSE(start.status.ok());
  EXPECT_FALSE(start.temporary);
  EXPECT_FALSE(start.status.message().empty());
  EXPECT_TRUE(Run(task, &Controller::Remove).status.ok());
}

TEST_P(ExecutorSuite, WaitingForWhatWasNeverStartedFails) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().RunForever(c); }));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  const StepResult end = Run(task, &Controller::Wait);
  EXPECT_FALSE(end.status.ok());
  EXPECT_FALSE(end.temporary);
}

TEST_P(ExecutorSuite, ShutdownStopsTheTaskAndMayBeRepeated) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().RunForever(c); }));
  // Nothing there yet: nothing to do.
  EXPECT_TRUE(Run(task, &Controller::Shutdown).status.ok());
  Launch(task);
  EXPECT_TRUE(Run(task, &Controller::Shutdown).status.ok());
  ASSERT_TRUE(task.ContainerStatus().has_value());
  EXPECT_EQ(task.ContainerStatus()->pid(), 0);
  EXPECT_TRUE(Run(task, &Controller::Shutdown).status.ok());
  // It has ended, and Wait says so at once.
  (void)Run(task, &Controller::Wait);
}

TEST_P(ExecutorSuite, WhatDoesNotStopInItsGracePeriodIsKilled) {
  Controller& task = Control(TaskOf([&](auto& c) {
    rig().IgnoreStop(c);
    c.mutable_stop_grace_period()->set_nanos(200'000'000);
  }));
  Launch(task);
  const StepResult stopped = Run(task, &Controller::Shutdown);
  EXPECT_TRUE(stopped.status.ok()) << stopped.status;
  EXPECT_EQ(Run(task, &Controller::Wait).exit_code, 137);
}

TEST_P(ExecutorSuite, TerminateDoesNotWaitForTheGracePeriod) {
  Controller& task = Control(TaskOf([&](auto& c) {
    rig().IgnoreStop(c);
    c.mutable_stop_grace_period()->set_seconds(3600);
  }));
  Launch(task);
  EXPECT_TRUE(Run(task, &Controller::Terminate).status.ok());
  EXPECT_EQ(Run(task, &Controller::Wait).exit_code, 137);
}

TEST_P(ExecutorSuite, RemoveLeavesNothingAndMayBeRepeated) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().RunForever(c); }));
  EXPECT_TRUE(Run(task, &Controller::Remove).status.ok());
  Launch(task);
  EXPECT_TRUE(Run(task, &Controller::Remove).status.ok());
  EXPECT_FALSE(task.ContainerStatus().has_value());
  EXPECT_TRUE(Run(task, &Controller::Remove).status.ok());
}

TEST_P(ExecutorSuite, CancelEndsTheOperationAndNotTheTask) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().RunForever(c); }));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  task.Cancel();
  EXPECT_EQ(Await(wait).status.code(), Code::kCancelled);
  EXPECT_GT(task.ContainerStatus()->pid(), 0);
  EXPECT_TRUE(Run(task, &Controller::Shutdown).status.ok());
}

TEST_P(ExecutorSuite, ManyTasksEndEachInItsOwnWay) {
  std::vector<Controller*> tasks;
  std::vector<Pending> waits;
  for (int code = 0; code < 8; ++code) {
    tasks.push_back(&Control(TaskOf([&](auto& c) { rig().ExitWith(c, code); })));
    Launch(*tasks.back());
  }
  for (Controller* task : tasks) waits.push_back(Begin(*task, &Controller::Wait));
  for (int code = 0; code < 8; ++code) {
    EXPECT_EQ(Await(waits[static_cast<std::size_t>(code)]).exit_code, code);
  }
}

// --- handing a task over ---

TEST_P(ExecutorSuite, CloseEndsTheOperationUnderWay) {
  Controller& task = Control(TaskOf([&](auto& c) { rig().RunForever(c); }));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Close(task);
  EXPECT_EQ(Await(wait).status.code(), Code::kCancelled);
}

TEST_P(ExecutorSuite, ASecondControllerTakesTheTaskOver) {
  const pb::Task spec = TaskOf([&](auto& c) { rig().RunForever(c); });
  Controller& first = Control(spec);
  Launch(first);
  const auto pid = first.ContainerStatus()->pid();
  Close(first);
  Controller& second = Control(spec);
  Launch(second);
  ASSERT_TRUE(second.ContainerStatus().has_value());
  EXPECT_EQ(second.ContainerStatus()->pid(), pid) << "started again instead of taken over";
  EXPECT_TRUE(Run(second, &Controller::Shutdown).status.ok());
}

TEST_P(ExecutorSuite, ATaskOutlivesItsExecutor) {
  const pb::Task spec = TaskOf([&](auto& c) { rig().RunForever(c); });
  Controller& first = Control(spec);
  Launch(first);
  const auto pid = first.ContainerStatus()->pid();
  Close(first);
  if (!rig().Restart()) return;  // its tasks live in its memory
  Controller& second = Control(spec);
  const Pending wait = Begin(second, &Controller::Wait);
  second.Cancel();
  EXPECT_EQ(Await(wait).status.code(), Code::kCancelled);
  EXPECT_EQ(second.ContainerStatus()->pid(), pid);
  EXPECT_TRUE(Run(second, &Controller::Shutdown).status.ok());
}

TEST_P(ExecutorSuite, AnExitCodeOutlivesTheExecutor) {
  const pb::Task spec = TaskOf([&](auto& c) { rig().ExitWith(c, 7); });
  Controller& first = Control(spec);
  Launch(first);
  Close(first);
  if (!rig().Restart()) return;  // its tasks live in its memory
  EXPECT_EQ(Run(Control(spec), &Controller::Wait).exit_code, 7);
}

}  // namespace swarm::conformance
