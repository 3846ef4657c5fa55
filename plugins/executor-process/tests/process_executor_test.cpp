#include "process_executor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <optional>

#include "launch.h"
#include "proc_stat.h"
#include "process_rig.h"
#include "task_folder.h"

namespace swarm::executor_process {
namespace {

class ProcessExecutorTest : public testing::Test {
 protected:
  ~ProcessExecutorTest() override {
    if (!controller_) return;
    (void)Run(&Controller::Remove);
    Close();
  }
  void Make(const std::function<void(pb::ContainerSpec&)>& edit) {
    task_.set_id("task");
    edit(*task_.mutable_spec()->mutable_container());
    auto made = rig_.executor().NewController(task_, nullptr);
    ASSERT_TRUE(made.ok()) << made.status();
    controller_ = *std::move(made);
  }
  void Close() {
    bool closed = false;
    controller_->Close([&] { rig_.Note([&closed] { closed = true; }); });
    ASSERT_TRUE(rig_.Until([&closed] { return closed; }));
    controller_.reset();
  }
  StepResult Run(void (Controller::*method)(StepDone)) {
    auto out = std::make_shared<std::optional<StepResult>>();
    (controller_.get()->*method)([this, out](StepResult result) {
      rig_.Note([out, result = std::move(result)]() mutable { *out = std::move(result); });
    });
    EXPECT_TRUE(rig_.Until([out] { return out->has_value(); }));
    return out->value_or(StepResult::Failed({Code::kDeadlineExceeded, "did not end"}));
  }
  StepResult RunToEnd() {
    for (const auto method : {&Controller::Prepare, &Controller::Start}) {
      StepResult result = Run(method);
      if (!result.status.ok()) return result;
    }
    return Run(&Controller::Wait);
  }
  std::string Output(const std::string& name) {
    const auto text = ReadFile(rig_.runtime().files(), rig_.folder() + "/task/" + name);
    return text.ok() ? *text : "";
  }
  ProcessView View() {
    return TaskFolder(rig_.runtime().files(), rig_.folder() + "/task").Inspect();
  }
  Status Refusal(const std::function<void(pb::Task&)>& edit) {
    pb::Task task;
    task.set_id("refused");
    task.mutable_spec()->mutable_container()->add_command("true");
    edit(task);
    auto made = rig_.executor().NewController(task, nullptr);
    return made.status();
  }

  ProcessRig rig_;
  pb::Task task_;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ProcessExecutorTest, GivesEnvironmentFolderAndOutput) {
  setenv("SWARM_TEST_SECRET", "leaked", 1);
  Make([](pb::ContainerSpec& c) {
    ProcessRig::Shell(c, "echo $GREETING; pwd; echo [$SWARM_TEST_SECRET] >&2");
    c.add_env("GREETING=hello");
    c.set_dir("/usr");
  });
  EXPECT_TRUE(RunToEnd().status.ok());
  EXPECT_EQ(Output("stdout"), "hello\n/usr\n");
  EXPECT_EQ(Output("stderr"), "[]\n") << "the daemon's environment is its own";
}

TEST_F(ProcessExecutorTest, ArgumentsAloneAreTheCommandLine) {
  Make([](pb::ContainerSpec& c) {
    c.add_args("echo");
    c.add_args("two words");
  });
  EXPECT_TRUE(RunToEnd().status.ok());
  EXPECT_EQ(Output("stdout"), "two words\n");
}

TEST_F(ProcessExecutorTest, SaysWhyACommandCannotBeStarted) {
  Make([](pb::ContainerSpec& c) { c.add_command("/no/such/program"); });
  EXPECT_EQ(RunToEnd().status.message(),
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
  Make([](pb::ContainerSpec& c) { ProcessRig::Shell(c, "kill -SEGV $$"); });
  EXPECT_EQ(RunToEnd().exit_code, 128 + SIGSEGV);
}

TEST_F(ProcessExecutorTest, WhatTheProcessLeftBehindEndsWithIt) {
  Make([](pb::ContainerSpec& c) {
    // One in its group, one that has left it.
    ProcessRig::Shell(c, "sleep 3600 & echo $!; setsid sleep 3600 & echo $!");
  });
  EXPECT_TRUE(RunToEnd().status.ok());
  std::istringstream pids(Output("stdout"));
  int count = 0;
  for (std::int32_t pid = 0; pids >> pid; ++count) EXPECT_EQ(StartTimeOf(pid), 0u) << pid;
  EXPECT_EQ(count, 2);
}

TEST_F(ProcessExecutorTest, WithoutItsSupervisorATaskFailsAndItsProcessEnds) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(&Controller::Start).status.ok());
  const ProcessRecord record = View().record;
  ASSERT_EQ(kill(record.supervisor, SIGKILL), 0);
  const StepResult end = Run(&Controller::Wait);
  EXPECT_EQ(end.status.message(),
            "how the process ended is not known: its supervisor or the machine was stopped");
  EXPECT_TRUE(Run(&Controller::Remove).status.ok());
}

TEST_F(ProcessExecutorTest, AReusedProcessNumberIsNotTheTask) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  // A record of this very process's number, with another start.
  const std::string record =
      BootId() + " " + std::to_string(getpid()) + " 1 " + std::to_string(getpid()) + " 1\n";
  ASSERT_TRUE(
      WriteFileAtomically(rig_.runtime().files(), rig_.folder() + "/task/pid", record, 0600).ok());
  EXPECT_EQ(View().state, ProcessState::kLost);
  EXPECT_FALSE(Run(&Controller::Wait).status.ok());
  EXPECT_TRUE(Run(&Controller::Remove).status.ok());
  EXPECT_NE(StartTimeOf(getpid()), 0u) << "and it was not killed";
}

TEST_F(ProcessExecutorTest, AProcessOfAnEarlierBootIsLost) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  const std::string self = std::to_string(getpid()) + " " + std::to_string(StartTimeOf(getpid()));
  ASSERT_TRUE(WriteFileAtomically(rig_.runtime().files(), rig_.folder() + "/task/pid",
                                  "another-boot " + self + " " + self + "\n", 0600)
                  .ok());
  EXPECT_EQ(View().state, ProcessState::kLost);
}

TEST_F(ProcessExecutorTest, RefusesWhatAProcessCannotHave) {
  EXPECT_EQ(
      Refusal([](pb::Task& t) { t.mutable_spec()->mutable_container()->add_mounts(); }).message(),
      "executor-process cannot give a process mounts; remove them from the service or run it "
      "on a container executor");
  EXPECT_FALSE(
      Refusal([](pb::Task& t) { t.mutable_spec()->mutable_container()->add_secrets(); }).ok());
  EXPECT_FALSE(
      Refusal([](pb::Task& t) { t.mutable_spec()->mutable_container()->clear_command(); }).ok());
  EXPECT_FALSE(Refusal([](pb::Task& t) {
                 t.mutable_spec()->mutable_container()->set_stop_signal("SIGNONSENSE");
               }).ok());
  EXPECT_FALSE(Refusal([](pb::Task& t) { t.set_id("../escape"); }).ok());
  EXPECT_FALSE(Refusal([](pb::Task& t) { t.mutable_spec()->mutable_attachment(); }).ok());
}

TEST(ProcessFilesTest, SignalsHaveNamesAndNumbers) {
  EXPECT_EQ(*ParseSignal("SIGTERM"), SIGTERM);
  EXPECT_EQ(*ParseSignal("INT"), SIGINT);
  EXPECT_EQ(*ParseSignal("9"), 9);
  for (const char* wrong : {"", "0", "-1", "99999", "TERMINATE"}) {
    EXPECT_FALSE(ParseSignal(wrong).ok()) << wrong;
  }
}

TEST(ProcessFilesTest, DamagedRecordsAreNoRecords) {
  EXPECT_TRUE(ParseRecord("boot 10 20 30 40").ok());
  for (const char* wrong :
       {"", "boot", "boot 10 20 30", "boot 0 20 30 40", "boot 10 20 1 40", "boot x 20 30 40"}) {
    EXPECT_FALSE(ParseRecord(wrong).ok()) << wrong;
  }
  EXPECT_EQ(*ParseExit("exit 3\n"), 3);
  EXPECT_EQ(*ParseExit("signal 9\n"), 137);
  for (const char* wrong : {"", "exit", "exit x", "stop 3"}) EXPECT_FALSE(ParseExit(wrong).ok());
}

TEST(ProcessFilesTest, AMissingHelperIsNamed) {
  ProcessRig rig;
  const auto found = FindHelper(rig.runtime().files(), "/no/such/helper");
  EXPECT_EQ(found.status().message(), "setting helper: no file /no/such/helper");
}

}  // namespace
}  // namespace swarm::executor_process
