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

// --- swarmd is killed while it starts, runs or stops a task ---

class KilledTest : public FaultsTest {
 protected:
  using Clock = std::chrono::steady_clock;

  // A process that walks a task through its life and tells of each step with a letter: p and s
  // before it prepares and starts it, r when it runs, x before it stops it, e when that has ended.
  class Victim {
   public:
    Victim(const std::string& folder, const std::string& script, bool stops) {
      int told[2];
      EXPECT_EQ(pipe2(told, O_CLOEXEC), 0);
      const char* build = getenv("SWARM_BUILD_DIR");
      const std::string program = std::string(build ? build : ".") + "/bin/swarm-process-victim";
      pid_ = fork();
      if (pid_ == 0) {
        dup2(told[1], 1);
        execl(program.c_str(), program.c_str(), folder.c_str(), script.c_str(),
              stops ? "stop" : "run", nullptr);
        _exit(127);
      }
      close(told[1]);
      told_ = told[0];
    }
    ~Victim() {
      kill(pid_, SIGKILL);
      int status = 0;
      waitpid(pid_, &status, 0);
      EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << status;
      close(told_);
    }
    // Whether it got to this step; for `life` at most.
    bool Reaches(char step, Clock::duration life = std::chrono::seconds(30)) {
      const auto limit = Clock::now() + life;
      while (true) {
        const auto left = std::chrono::nanoseconds(limit - Clock::now()).count();
        if (left <= 0) return false;
        const timespec wait{left / 1'000'000'000, left % 1'000'000'000};
        pollfd ready{told_, POLLIN, 0};
        char letter = 0;
        if (ppoll(&ready, 1, &wait, nullptr) <= 0) return false;
        if (read(told_, &letter, 1) != 1) return false;
        if (letter == step) return true;
      }
    }

   private:
    pid_t pid_ = -1;
    int told_ = -1;
  };

  // How long it is from one step to another when nothing is in the way.
  Clock::duration Length(char from, char to) {
    Victim victim(rig_.folder(), script_, true);
    EXPECT_TRUE(victim.Reaches(from));
    const auto begin = Clock::now();
    EXPECT_TRUE(victim.Reaches(to));
    return Clock::now() - begin;
  }
  Clock::duration Below(Clock::duration limit) {
    return Clock::duration(static_cast<Clock::rep>(random_()) % (limit.count() + 1));
  }
  // The same task's controller in the next process.
  void TakeOver() {
    container().clear_command();
    container().clear_args();
    MakeShell(script_);
  }
  // As the agent does it: again, while it is told to.
  Status Patiently(const std::function<StepResult()>& step) {
    Status last;
    EXPECT_TRUE(Eventually([&] {
      const StepResult result = step();
      last = result.status;
      return !result.temporary;
    }));
    return last;
  }
  void Clear() {
    EXPECT_TRUE(Run(&Controller::Remove).status.ok());
    Close();
    (void)rig_.runtime().files().Remove(starts_);
  }

  const std::string starts_ = rig_.folder() + "/starts";
  const std::string script_ = "echo started >> " + starts_ + "; echo up; exec sleep 3600";
  std::minstd_rand random_{20261121};
};

TEST_F(KilledTest, NoTaskIsStartedTwiceAndNoneIsLost) {
  const int rounds = getenv("SWARM_SOAK") != nullptr ? 200 : 12;
  const auto start_time = Length('p', 'r');
  TakeOver();
  Clear();
  const auto stop_time = Length('x', 'e');
  TakeOver();
  Clear();
  int begun = 0, ran = 0, ended = 0;
  for (int round = 0; round < rounds; ++round) {
    const bool stops = round % 3 == 2;
    {
      Victim victim(rig_.folder(), script_, stops);
      // Somewhere while it starts, while it runs, while it stops.
      ASSERT_TRUE(victim.Reaches("prx"[round % 3])) << "round " << round;
      (void)victim.Reaches('-', Below(stops ? stop_time : start_time));
    }
    const ProcessState left = View().state;
    begun += left != ProcessState::kAbsent;
    ran += left >= ProcessState::kStarting;
    ended += left == ProcessState::kExited;
    TakeOver();
    if (stops) {
      const Status stopped = Patiently([&] { return Run(&Controller::Shutdown); });
      EXPECT_TRUE(stopped.ok()) << "round " << round << ": " << stopped;
      EXPECT_EQ(View().state, ProcessState::kExited) << "round " << round;
    } else {
      const Status started = Patiently([&] { return StartUp(); });
      EXPECT_TRUE(started.ok()) << "round " << round << ": " << started;
      EXPECT_TRUE(Eventually([&] { return Output() == "up\n"; })) << "round " << round;
      EXPECT_EQ(View().state, ProcessState::kRunning) << "round " << round;
    }
    const std::string starts = ReadText(starts_);
    // One that is stopped at once may not have got to its first word.
    EXPECT_TRUE(starts == "started\n" || (stops && starts.empty())) << starts << "round " << round;
    Clear();
  }
  std::cout << rounds << " kills: " << begun << " with something begun, " << ran
            << " with a process, " << ended << " of them stopped\n";
  EXPECT_GE(ran, rounds * 2 / 3) << "the kills come too early to put anything at stake";
}

}  // namespace
}  // namespace swarm::executor_process
