// What can go wrong around a process: its supervisor, swarmd, the disk and the machine.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <algorithm>
#include <iostream>
#include <random>

#include "launch.h"
#include "proc_stat.h"
#include "process_fixture.h"

namespace swarm::executor_process {
namespace {

constexpr const char* kUnknownEnd =
    "how the process ended is not known: its supervisor or the machine was stopped";

class FaultsTest : public ProcessFixture {
 protected:
  using ProcessFixture::ProcessFixture;
  void Overwrite(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(rig_.runtime().files(), rig_.TaskFile(name), text, 0600).ok());
  }
};

TEST_F(FaultsTest, WithoutItsSupervisorATaskFailsAndItsProcessesEnd) {
  MakeShell("setsid sleep 3600 & echo $!; exec sleep 3600");
  ASSERT_TRUE(StartUp().status.ok());
  ASSERT_TRUE(Eventually([&] { return !Output().empty(); }));
  const ProcessRecord record = View().record;
  const Pending wait = Begin(&Controller::Wait);
  ASSERT_EQ(kill(record.supervisor, SIGKILL), 0);
  EXPECT_EQ(Await(wait).status.message(), kUnknownEnd);
  EXPECT_TRUE(Eventually([&] { return StartTimeOf(record.process) == 0; }));
  const bool tracked =
      !ControlGroups::Detect(ReadText("/proc/self/mountinfo"), "swarm-test").All("x").empty();
  const auto straggler = static_cast<std::int32_t>(std::stol(Output()));
  if (tracked) {
    EXPECT_TRUE(Eventually([&] { return StartTimeOf(straggler) == 0; }));
  } else {
    kill(straggler, SIGKILL);
  }
}

TEST_F(FaultsTest, AReusedProcessNumberIsNotTheTask) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  // A record of this very process's number, with another start.
  const std::string self = std::to_string(getpid()) + " 1 ";
  Overwrite("pid", BootId() + " " + self + self + "\n");
  EXPECT_EQ(View().state, ProcessState::kLost);
  EXPECT_EQ(Run(&Controller::Wait).status.message(), kUnknownEnd);
  EXPECT_TRUE(Run(&Controller::Remove).status.ok());
  EXPECT_NE(StartTimeOf(getpid()), 0u) << "and it was not killed";
}

TEST_F(FaultsTest, AProcessOfAnEarlierBootIsLostAndNothingIsKilled) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  const pid_t bystander = fork();
  if (bystander == 0) {
    for (;;) pause();
  }
  const std::string number =
      std::to_string(bystander) + " " + std::to_string(StartTimeOf(bystander)) + " ";
  Overwrite("pid", "another-boot " + number + number + "\n");
  EXPECT_TRUE(Run(&Controller::Start).status.ok()) << "it is not started a second time";
  EXPECT_EQ(Run(&Controller::Wait).status.message(), kUnknownEnd);
  EXPECT_TRUE(Run(&Controller::Shutdown).status.ok());
  EXPECT_TRUE(Run(&Controller::Remove).status.ok());
  EXPECT_NE(StartTimeOf(bystander), 0u);
  kill(bystander, SIGKILL);
  waitpid(bystander, nullptr, 0);
}

TEST_F(FaultsTest, ADamagedRecordOfARunningTaskIsMadeUpFor) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(StartUp().status.ok());
  const ProcessRecord before = View().record;
  Close();
  for (const char* damage : {"", "\x01\x02\x03", "boot 1 2"}) {
    Overwrite("pid", damage);
    EXPECT_EQ(View().state, ProcessState::kRunning);
    EXPECT_EQ(View().record.process, before.process);
  }
  rig_.Restart();
  ASSERT_TRUE(TryMake().ok());
  ASSERT_TRUE(StartUp().status.ok());
  EXPECT_EQ(controller_->ContainerStatus()->pid(), before.process) << "taken over";
  EXPECT_TRUE(Run(&Controller::Shutdown).status.ok());
  EXPECT_EQ(Run(&Controller::Wait).exit_code, 143);
}

TEST_F(FaultsTest, ADamagedExitStatusIsNone) {
  MakeShell("exit 3");
  (void)RunToEnd();
  for (const char* damage : {"", "exit", "exit 70000", "nonsense 3"}) {
    Overwrite("exit", damage);
    EXPECT_EQ(Run(&Controller::Wait).status.message(), kUnknownEnd) << damage;
  }
}

TEST_F(FaultsTest, ATaskThatNobodyKnowsIsRemovedAfterAWhile) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(StartUp().status.ok());
  const ProcessRecord record = View().record;
  Close();
  rig_.options().orphans_after = std::chrono::milliseconds(1);
  rig_.Restart();
  EXPECT_TRUE(Eventually([&] { return View().state == ProcessState::kAbsent; }));
  EXPECT_EQ(StartTimeOf(record.process), 0u);
}

TEST_F(FaultsTest, ATaskThatIsKnownIsNoOrphan) {
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(StartUp().status.ok());
  Close();
  ASSERT_TRUE(rig_.runtime().files().CreateDirectory(rig_.folder() + "/tasks/orphan", 0700).ok());
  rig_.options().orphans_after = std::chrono::milliseconds(200);
  rig_.Restart();
  ASSERT_TRUE(TryMake().ok());
  EXPECT_TRUE(
      Eventually([&] { return !rig_.runtime().files().Exists(rig_.folder() + "/tasks/orphan"); }));
  EXPECT_EQ(View().state, ProcessState::kRunning);
}

// --- a disk that is full ---

class FullDiskTest : public FaultsTest {
 protected:
  static constexpr const char* kFlood =
      "i=0; while [ $i -lt 9000 ]; do "
      "echo 0123456789012345678901234567890123456789; "
      "i=$((i+1)); done; ";
  void SetUp() override {
    SWARM_NEEDS(CAP_SYS_ADMIN);
    outside_ = ProcessRig::NewFolder();
    disk_ = rig_.folder() + "/tasks";
    ASSERT_EQ(mount("tmpfs", disk_.c_str(), "tmpfs", 0, "size=256k"), 0);
    const std::string filler(64 * 1024, 'x');
    ASSERT_TRUE(WriteFileAtomically(rig_.runtime().files(), disk_ + "/filler", filler, 0600).ok());
  }
  void TearDown() override {
    if (disk_.empty()) return;
    if (controller_) {
      (void)Run(&Controller::Remove);
      Close();
    }
    umount2(disk_.c_str(), MNT_DETACH);
    (void)rig_.runtime().files().RemoveAll(outside_);
  }
  std::string disk_;
  std::string outside_;
};

TEST_F(FullDiskTest, TheTaskGoesOnAndTheLossIsTold) {
  MakeShell(kFlood + ("touch " + outside_ + "/full; while ! test -e " + outside_ +
                      "/go; do sleep 0.01; done; echo after; exit 3"));
  ASSERT_TRUE(StartUp().status.ok());
  ASSERT_TRUE(Eventually([&] { return rig_.runtime().files().Exists(outside_ + "/full"); }));
  ASSERT_TRUE(rig_.runtime().files().Remove(disk_ + "/filler").ok());
  ASSERT_TRUE(WriteFileAtomically(rig_.runtime().files(), outside_ + "/go", "", 0600).ok());
  EXPECT_EQ(Run(&Controller::Wait).exit_code, 3);
  EXPECT_TRUE(Output().ends_with("\nafter\n"));
  EXPECT_NE(Output(true).find(" bytes of output were lost: No space left on device\n"),
            std::string::npos)
      << Output(true);
}

TEST_F(FullDiskTest, TheExitStatusHasItsPlace) {
  MakeShell(std::string(kFlood) + "exit 3");
  ASSERT_TRUE(StartUp().status.ok());
  EXPECT_EQ(Run(&Controller::Wait).exit_code, 3);
}

// --- swarmd is killed while it starts a task ---

class KilledWhileStartingTest : public FaultsTest {
 protected:
  // Runs the victim for so long, or until it has started its task.
  void RunVictim(std::chrono::microseconds life, const std::string& script) {
    int told[2];
    ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
    const std::string program = ProgramFolder() + "/swarm-process-victim";
    const pid_t victim = fork();
    if (victim == 0) {
      dup2(told[1], 1);
      execl(program.c_str(), program.c_str(), rig_.folder().c_str(), script.c_str(), nullptr);
      _exit(127);
    }
    close(told[1]);
    pollfd started{told[0], POLLIN, 0};
    const timespec limit{0, static_cast<long>(life.count()) * 1000};
    if (ppoll(&started, 1, &limit, nullptr) > 0) ++finished_;
    kill(victim, SIGKILL);
    int status = 0;
    waitpid(victim, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << status;
    close(told[0]);
  }
  static std::string ProgramFolder() {
    const char* build = getenv("SWARM_BUILD_DIR");
    return std::string(build ? build : ".") + "/bin";
  }
  // As the agent does it: again, while it is told to.
  Status StartPatiently() {
    Status last;
    EXPECT_TRUE(Eventually([&] {
      const StepResult result = StartUp();
      last = result.status;
      return !result.temporary;
    }));
    return last;
  }
  int finished_ = 0;
};

TEST_F(KilledWhileStartingTest, NoTaskIsStartedTwice) {
  const bool soak = getenv("SWARM_SOAK") != nullptr;
  const int rounds = soak ? 200 : 10;
  std::mt19937 random(20261121);
  const std::string starts = rig_.folder() + "/starts";
  const std::string script = "echo started >> " + starts + "; echo up; exec sleep 3600";
  int adopted = 0;
  for (int round = 0; round < rounds; ++round) {
    (void)rig_.runtime().files().Remove(starts);
    container().clear_command();
    container().clear_args();
    // Denser where things happen.
    RunVictim(std::chrono::microseconds(1000 + random() % 60'000), script);
    if (View().state >= ProcessState::kStarting) ++adopted;
    MakeShell(script);
    const Status started = StartPatiently();
    EXPECT_TRUE(started.ok()) << "round " << round << ": " << started;
    EXPECT_TRUE(Eventually([&] { return Output() == "up\n"; })) << "round " << round;
    EXPECT_EQ(ReadText(starts), "started\n") << "round " << round;
    EXPECT_EQ(View().state, ProcessState::kRunning) << "round " << round;
    EXPECT_TRUE(Run(&Controller::Remove).status.ok());
    Close();
  }
  std::cout << rounds << " rounds, " << adopted << " with something begun, " << finished_
            << " with a start that had ended\n";
}

}  // namespace
}  // namespace swarm::executor_process
