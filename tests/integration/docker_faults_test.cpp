// The engine stops, dies, hangs; the manager keeps what runs and mends the rest.
#include <gmock/gmock.h>

#include "docker_rig.h"
#include "small_disk.h"

namespace swarm::test {
namespace {

class DockerFaultsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
  }
  void Begin(const std::vector<std::string>& engine_arguments = {}) {
    rig_ = std::make_unique<DockerRig>(engine_arguments);
    ASSERT_TRUE(rig_->StartManager()) << rig_->manager.log();
    const Finished created = rig_->manager.Ctl(CreateService("web", 3));
    ASSERT_EQ(created.code, 0) << created.err;
    ASSERT_TRUE(Runs(3)) << rig_->manager.log();
  }
  // The id of a task in this state, once there is one.
  std::string TaskIn(const std::string& state) {
    std::string id;
    Eventually([&] {
      for (const TaskRow& row : Tasks(rig_->manager, "web")) {
        if (row.state == state) id = row.id;
      }
      return !id.empty();
    });
    return id;
  }
  bool Runs(std::size_t replicas) {
    return Eventually(
        [&] {
          return rig_->manager.TasksIn("RUNNING") == static_cast<int>(replicas) &&
                 rig_->Running("web").size() == replicas;
        },
        60s);
  }
  std::set<std::string> RunningTasks() {
    std::set<std::string> ids;
    for (const TaskRow& row : Tasks(rig_->manager, "web")) {
      if (row.state == "RUNNING" && row.desired == "RUNNING") ids.insert(row.id);
    }
    return ids;
  }
  void ExpectRemovable() {
    EXPECT_THAT(rig_->Doubled(), testing::IsEmpty());
    ASSERT_EQ(rig_->manager.Ctl({"service", "remove", "web"}).code, 0);
    EXPECT_TRUE(Eventually([&] { return rig_->TaskContainers() == 0; })) << rig_->manager.log();
  }

  std::unique_ptr<DockerRig> rig_;
};

TEST_F(DockerFaultsTest, TasksThatOutliveTheirEnginesRestartAreKept) {
  ASSERT_NO_FATAL_FAILURE(Begin({"--live-restore"}));
  const auto containers = rig_->Running("web");
  const auto tasks = RunningTasks();
  for (const bool crash : {true, false}) {
    crash ? rig_->engine.Kill() : rig_->engine.Stop();
    // While it is away nothing fails, and what was asked for meanwhile is done afterwards.
    ASSERT_EQ(rig_->manager.Ctl({"service", "update", "web", "--replicas", crash ? "4" : "3"}).code,
              0);
    EXPECT_TRUE(
        Eventually([&] { return Tasks(rig_->manager, "web").size() >= (crash ? 4u : 3u); }));
    EXPECT_EQ(rig_->manager.TasksIn("FAILED"), 0);
    ASSERT_TRUE(rig_->engine.Start()) << rig_->engine.log();
    EXPECT_TRUE(Runs(crash ? 4 : 3)) << rig_->manager.log();
  }
  const auto now = rig_->Running("web");
  std::size_t kept = 0;
  for (const std::string& id : containers) kept += now.contains(id);
  EXPECT_GE(kept, 2u) << "the third may be the one that scaling down took";
  EXPECT_EQ(rig_->manager.TasksIn("FAILED"), 0);
  ExpectRemovable();
}

TEST_F(DockerFaultsTest, TasksThatEndedWithTheirEngineAreReplaced) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  const auto containers = rig_->Running("web");
  rig_->engine.Stop();
  ASSERT_TRUE(rig_->engine.Start()) << rig_->engine.log();
  EXPECT_TRUE(Runs(3)) << rig_->manager.log();
  for (const std::string& id : rig_->Running("web")) EXPECT_FALSE(containers.contains(id));
  // Their successors waited, instead of failing on an engine that was on its way out.
  for (const TaskRow& row : Tasks(rig_->manager, "web")) {
    EXPECT_THAT(row.state, testing::AnyOf("RUNNING", "COMPLETE"));
  }
  ExpectRemovable();
}

TEST_F(DockerFaultsTest, AHungEngineFailsNothingAndGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  const auto containers = rig_->Running("web");
  rig_->engine.Freeze();
  ASSERT_EQ(rig_->manager.Ctl({"service", "update", "web", "--replicas", "5"}).code, 0);
  // Longer than the time limit of a call, so that calls end without an answer.
  EXPECT_FALSE(Eventually([&] { return rig_->manager.TasksIn("FAILED") > 0; }, 8s));
  EXPECT_EQ(rig_->manager.TasksIn("RUNNING"), 3);
  rig_->engine.Thaw();
  EXPECT_TRUE(Runs(5)) << rig_->manager.log();
  const auto now = rig_->Running("web");
  for (const std::string& id : containers) EXPECT_TRUE(now.contains(id));
  ExpectRemovable();
}

TEST_F(DockerFaultsTest, AManagerThatStartsBeforeItsEngineWaitsForIt) {
  rig_ = std::make_unique<DockerRig>();
  rig_->engine.Stop();
  ASSERT_TRUE(rig_->StartManager()) << rig_->manager.log();
  ASSERT_EQ(rig_->manager.Ctl(CreateService("web", 2)).code, 0);
  ASSERT_TRUE(rig_->engine.Start()) << rig_->engine.log();
  EXPECT_TRUE(Runs(2)) << rig_->manager.log();
  ExpectRemovable();
}

class DockerDiskFullTest : public DockerFaultsTest {
 protected:
  void TearDown() override { rig_.reset(); }

  const TemporaryFolder folder_;
  // Outlives the engine, which has its images and containers there.
  std::unique_ptr<SmallDisk> disk_;
};

TEST_F(DockerDiskFullTest, TheTaskSaysSoAndIsReplacedUntilThereIsSpace) {
  disk_ = std::make_unique<SmallDisk>(folder_ / "data", "100m");
  ASSERT_TRUE(disk_->mounted());
  ASSERT_NO_FATAL_FAILURE(Begin({"--data-root", folder_ / "data"}));
  const auto containers = rig_->Running("web");
  disk_->Fill();
  ASSERT_EQ(rig_->manager.Ctl({"service", "update", "web", "--replicas", "5"}).code, 0);
  const std::string rejected = TaskIn("REJECTED");
  ASSERT_NE(rejected, "") << rig_->manager.log();
  EXPECT_THAT(TaskField(rig_->manager, rejected, "Error"),
              testing::HasSubstr("no space left on device"));
  EXPECT_EQ(rig_->Running("web"), containers) << "what runs is left alone";
  disk_->Free();
  EXPECT_TRUE(Runs(5)) << rig_->manager.log();
  ExpectRemovable();
}

}  // namespace
}  // namespace swarm::test
