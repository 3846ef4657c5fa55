// How a process is begun, stopped, taken over and ended.
#include "process_executor.h"

#include <signal.h>

#include <sstream>

#include "launch.h"
#include "proc_stat.h"
#include "process_fixture.h"

namespace swarm::executor_process {
namespace {

using ProcessExecutorTest = ProcessFixture;

TEST_F(ProcessExecutorTest, GivesEnvironmentFolderAndOutput) {
  setenv("SWARM_TEST_SECRET", "leaked", 1);
  Make([](pb::ContainerSpec& c) {
    ProcessRig::Shell(c, "echo $GREETING; pwd; echo [$SWARM_TEST_SECRET] >&2");
    c.add_env("GREETING=hello");
    c.set_dir("/usr");
  });
  EXPECT_TRUE(RunToEnd().status.ok());
  EXPECT_EQ(Output(), "hello\n/usr\n");
  EXPECT_EQ(Output(true), "[]\n") << "the daemon's environment is its own";
}

TEST_F(ProcessExecutorTest, ArgumentsAloneAreTheCommandLine) {
  Make([](pb::ContainerSpec& c) {
    c.set_image("busybox:latest");
    c.add_args("echo");
    c.add_args("two words");
  });
  EXPECT_TRUE(RunToEnd().status.ok());
  EXPECT_EQ(Output(), "two words\n");
}

TEST_F(ProcessExecutorTest, SaysWhyACommandCannotBeStarted) {
  Make([](pb::ContainerSpec& c) { c.add_command("/no/such/program"); });
  EXPECT_EQ(RunToEnd().status.message(),
            "cannot execute /no/such/program: No such file or directory");
}

TEST_F(ProcessExecutorTest, AFailedStartIsNotTriedAgain) {
  Make([](pb::ContainerSpec& c) { c.add_command("/no/such/program"); });
  (void)StartUp();
  EXPECT_EQ(Run(&Controller::Start).status.message(),
            "cannot execute /no/such/program: No such file or directory");
}

TEST_F(ProcessExecutorTest, SaysThatAFolderIsMissing) {
  Make([](pb::ContainerSpec& c) {
    c.add_command("true");
    c.set_dir("/no/such/folder");
  });
  EXPECT_EQ(RunToEnd().status.message(),
            "cannot enter directory /no/such/folder: No such file or directory");
}

TEST_F(ProcessExecutorTest, SaysThatAUserIsMissing) {
  Make([](pb::ContainerSpec& c) {
    c.add_command("true");
    c.set_user("nobody-of-that-name");
  });
  EXPECT_EQ(RunToEnd().status.message(), "cannot become user nobody-of-that-name: no such user");
}

TEST_F(ProcessExecutorTest, ASignalShowsInTheExitCode) {
  MakeShell("kill -SEGV $$");
  EXPECT_EQ(RunToEnd().exit_code, 128 + SIGSEGV);
}

TEST_F(ProcessExecutorTest, WhatTheProcessLeftBehindEndsWithIt) {
  // One in its group, one that has left it.
  MakeShell("sleep 3600 & echo $!; setsid sleep 3600 & echo $!");
  EXPECT_TRUE(RunToEnd().status.ok());
  std::istringstream pids(Output());
  int count = 0;
  for (std::int32_t pid = 0; pids >> pid; ++count) EXPECT_EQ(StartTimeOf(pid), 0u) << pid;
  EXPECT_EQ(count, 2);
}

TEST_F(ProcessExecutorTest, OrphansAreWaitedFor) {
  // The inner shell ends before its child; whose remains would stay if nobody waited for it.
  EXPECT_EQ(OutputOf("sh -c 'sleep 0.05 & echo $! > pid'; "
                     "while test -e /proc/$(cat pid); do sleep 0.01; done; echo reaped"),
            "reaped\n");
}

TEST_F(ProcessExecutorTest, TheStopSignalGoesToTheProcessAlone) {
  MakeShell(
      "trap 'echo stopping; exit 7' USR1; sh -c 'trap \"echo child\" USR1; "
      "while :; do sleep 0.01; done' & echo ready; while :; do sleep 0.01; done");
  container().set_stop_signal("SIGUSR1");
  ASSERT_TRUE(controller_->Update(task_).ok());
  ASSERT_TRUE(StartUp().status.ok());
  ASSERT_TRUE(Eventually([&] { return Output() == "ready\n"; }));
  EXPECT_TRUE(Run(&Controller::Shutdown).status.ok());
  EXPECT_EQ(Output(), "ready\nstopping\n");
  EXPECT_EQ(Run(&Controller::Wait).exit_code, 7);
}

TEST_F(ProcessExecutorTest, RepeatedWaitsCostNoDescriptors) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(StartUp().status.ok());
  const auto descriptors = [&] { return rig_.runtime().files().List("/proc/self/fd")->size(); };
  std::size_t before = 0;
  for (int i = 0; i < 20; ++i) {
    const Pending wait = Begin(&Controller::Wait);
    controller_->Cancel();
    EXPECT_EQ(Await(wait).status.code(), Code::kCancelled);
    if (i == 0) before = descriptors();
  }
  EXPECT_EQ(descriptors(), before);
}

TEST_F(ProcessExecutorTest, ATaskThatIsStoppedWhileItStartsIsStopped) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  const Pending start = Begin(&Controller::Start);
  controller_->Cancel();
  (void)Await(start);
  EXPECT_TRUE(Run(&Controller::Shutdown).status.ok());
  EXPECT_NE(View().state, ProcessState::kRunning);
  EXPECT_NE(View().state, ProcessState::kStarting);
}

TEST_F(ProcessExecutorTest, DescribesTheMachine) {
  rig_.options().labels = {{"disk", "fast"}};
  rig_.options().cpus = 3;
  rig_.options().memory = 5 << 20;
  rig_.Restart();
  std::optional<pb::NodeDescription> described;
  rig_.executor().Describe([&](Result<pb::NodeDescription> out) { described = *std::move(out); });
  ASSERT_TRUE(described);
  EXPECT_EQ(described->resources().nano_cpus(), 3'000'000'000);
  EXPECT_EQ(described->resources().memory_bytes(), 5 << 20);
  EXPECT_EQ(described->engine().labels().at("disk"), "fast");
  EXPECT_EQ(described->platform().os(), "linux");
  EXPECT_EQ(described->engine().plugins(described->engine().plugins_size() - 1).name(), "local");
}

TEST_F(ProcessExecutorTest, AMissingHelperIsNamed) {
  const auto found = FindHelper(rig_.runtime().files(), "/no/such/helper");
  EXPECT_EQ(found.status().message(), "setting helper: no file /no/such/helper");
}

}  // namespace
}  // namespace swarm::executor_process
