// Health checks of real processes.
#include "process_fixture.h"

namespace swarm::executor_process {
namespace {

class HealthTest : public ProcessFixture {
 protected:
  void Check(const std::string& command, int retries = 1, int timeout_ms = 20'000) {
    pb::HealthConfig& health = *container().mutable_healthcheck();
    health.add_test("CMD-SHELL");
    health.add_test(command);
    health.mutable_interval()->set_nanos(20'000'000);
    health.mutable_timeout()->set_seconds(timeout_ms / 1000);
    health.mutable_timeout()->set_nanos(timeout_ms % 1000 * 1'000'000);
    health.set_retries(retries);
  }
  std::string flag() const { return rig_.folder() + "/flag"; }
  void Raise() { ASSERT_TRUE(WriteFileAtomically(rig_.runtime().files(), flag(), "x", 0644).ok()); }
};

TEST_F(HealthTest, AStartLastsUntilTheTaskIsHealthy) {
  Check("test -e " + flag(), 1000);
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  const Pending start = Begin(&Controller::Start);
  ASSERT_TRUE(Eventually([&] { return View().state == ProcessState::kRunning; }));
  EXPECT_FALSE(start->has_value());
  Raise();
  EXPECT_TRUE(Await(start).status.ok());
}

TEST_F(HealthTest, ATaskThatNeverBecomesHealthyFailsItsStart) {
  Check("echo not yet; exit 4", 2);
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  const StepResult start = StartUp();
  EXPECT_EQ(start.status.message(),
            "dockerexec: unhealthy container\nthe last probe said: exit code 4: not yet");
  EXPECT_EQ(View().state, ProcessState::kExited) << "it was stopped";
}

TEST_F(HealthTest, ATaskThatBecomesUnhealthyIsStoppedAndFails) {
  Check("test ! -e " + flag());
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(StartUp().status.ok());
  const Pending wait = Begin(&Controller::Wait);
  Raise();
  const StepResult end = Await(wait);
  EXPECT_TRUE(end.status.message().starts_with("dockerexec: unhealthy container")) << end.status;
  EXPECT_FALSE(end.exit_code.has_value());
  EXPECT_EQ(View().exit.code, 143);
}

TEST_F(HealthTest, AProbeThatTakesTooLongIsKilledAndCounts) {
  Check("sleep 3600", 1, 50);
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  EXPECT_EQ(StartUp().status.message(),
            "dockerexec: unhealthy container\nthe last probe said: no answer within 50 ms");
}

TEST_F(HealthTest, ATaskThatEndsWhileItStartsTellsHow) {
  Check("false", 1000);
  MakeShell("exit 5");
  const StepResult start = StartUp();
  EXPECT_EQ(start.status.message(), "task: non-zero exit (5)");
  EXPECT_EQ(start.exit_code, 5);
}

TEST_F(HealthTest, TheCheckGoesOnWithoutTheExecutor) {
  Check("test -e " + flag(), 1000);
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  ASSERT_TRUE(Run(&Controller::Prepare).status.ok());
  (void)Begin(&Controller::Start);
  ASSERT_TRUE(Eventually([&] { return View().state == ProcessState::kRunning; }));
  Close();
  rig_.Restart();
  ASSERT_TRUE(TryMake().ok());
  const Pending start = Begin(&Controller::Start);
  Raise();
  EXPECT_TRUE(Await(start).status.ok());
}

TEST_F(HealthTest, AProbeIsWhereTheTaskIs) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  container().set_hostname("inside");
  container().set_user("nobody");
  container().set_dir("/mnt");
  container().add_env("NAME=value");
  pb::Mount& mount = *container().add_mounts();
  mount.set_type(pb::Mount::TMPFS);
  mount.set_target("/mnt");
  Check("test \"$(hostname) $(id -un) $PWD $NAME $(cat file)\" = 'inside nobody /mnt value here'",
        1000);
  MakeShell("echo here > file; exec sleep 3600");
  EXPECT_TRUE(StartUp().status.ok());
}

TEST_F(HealthTest, NoneMeansNoCheck) {
  container().mutable_healthcheck()->add_test("NONE");
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  EXPECT_TRUE(StartUp().status.ok());
}

}  // namespace
}  // namespace swarm::executor_process
