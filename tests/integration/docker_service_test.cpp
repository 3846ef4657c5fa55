// Services as containers: the life a user sees, through the real programs and a real engine.
#include <gmock/gmock.h>

#include "docker_rig.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;

class DockerServiceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (DockerEngine::Unavailable()) return;
    rig_ = std::make_unique<DockerRig>();
    ASSERT_TRUE(rig_->StartManager()) << rig_->manager.log();
  }
  static void TearDownTestSuite() { rig_.reset(); }

  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    ASSERT_TRUE(rig_ && rig_->manager.process().running());
  }
  void TearDown() override {
    if (!rig_) return;
    Ctl({"service", "remove", "web"});
    EXPECT_TRUE(Eventually([] { return rig_->TaskContainers() == 0; }))
        << "containers are left behind\n"
        << rig_->manager.log();
  }

  static Finished Ctl(const std::vector<std::string>& arguments) {
    return rig_->manager.Ctl(arguments);
  }
  static void Create(int replicas, const std::vector<std::string>& more = {}) {
    const Finished created = Ctl(CreateService("web", replicas, more));
    ASSERT_EQ(created.code, 0) << created.err;
  }
  static bool Runs(std::size_t replicas) {
    return Eventually([&] {
      return rig_->manager.TasksIn("RUNNING") == static_cast<int>(replicas) &&
             rig_->Running("web").size() == replicas;
    });
  }
  // The first task that is in this state.
  static std::string TaskIn(const std::string& state) {
    std::string id;
    Eventually([&] {
      for (const TaskRow& row : Tasks(rig_->manager, "web")) {
        if (row.state == state) id = row.id;
      }
      return !id.empty();
    });
    return id;
  }

  inline static std::unique_ptr<DockerRig> rig_;
};

TEST_F(DockerServiceTest, IsCreatedScaledUpdatedAndRemoved) {
  Create(2);
  EXPECT_TRUE(Runs(2)) << rig_->manager.log();
  ASSERT_EQ(Ctl({"service", "update", "web", "--replicas", "4"}).code, 0);
  EXPECT_TRUE(Runs(4)) << rig_->manager.log();
  ASSERT_EQ(Ctl({"service", "update", "web", "--replicas", "1"}).code, 0);
  EXPECT_TRUE(Runs(1)) << rig_->manager.log();

  ASSERT_TRUE(rig_->engine.MakeImage("busybox:2", "2"));
  const auto before = rig_->Running("web");
  ASSERT_EQ(Ctl({"service", "update", "web", "--image", "busybox:2"}).code, 0);
  EXPECT_TRUE(Eventually([&] {
    const auto now = rig_->Running("web");
    return now.size() == 1 && now != before;
  })) << rig_->manager.log();
  const std::string id = *rig_->Running("web").begin();
  EXPECT_EQ(rig_->engine.Docker({"exec", id, "cat", "/version"}).out, "2\n");
}

TEST_F(DockerServiceTest, AContainerIsNamedAndLabelledAsDockerDoes) {
  Create(1);
  ASSERT_TRUE(Runs(1)) << rig_->manager.log();
  const std::string task = TaskIn("RUNNING");
  const auto containers = rig_->engine.Containers({"com.docker.swarm.task.id=" + task});
  ASSERT_EQ(containers.size(), 1u);
  EXPECT_EQ(containers[0]["Names"][0], "/web.1." + task);
  EXPECT_EQ(containers[0]["Id"], TaskField(rig_->manager, task, "ContainerID"));
  for (const char* label : {"com.docker.swarm.task", "com.docker.swarm.task.name",
                            "com.docker.swarm.node.id", "com.docker.swarm.service.id"}) {
    EXPECT_TRUE(containers[0]["Labels"].contains(label)) << label;
  }
}

TEST_F(DockerServiceTest, ExitCodesAreReported) {
  Create(1, {"--restart-condition", "none", "--args", "sh,-c,exit 7"});
  const std::string failed = TaskIn("FAILED");
  ASSERT_NE(failed, "") << rig_->manager.log();
  EXPECT_EQ(TaskField(rig_->manager, failed, "ExitCode"), "7");
  EXPECT_THAT(TaskField(rig_->manager, failed, "Error"), HasSubstr("task: non-zero exit (7)"));
  ASSERT_EQ(Ctl({"service", "remove", "web"}).code, 0);
  ASSERT_TRUE(Eventually([] { return rig_->TaskContainers() == 0; }));
  Create(1, {"--restart-condition", "none", "--args", "true"});
  EXPECT_NE(TaskIn("COMPLETE"), "") << rig_->manager.log();
}

TEST_F(DockerServiceTest, AKilledContainerIsReplaced) {
  Create(1);
  ASSERT_TRUE(Runs(1)) << rig_->manager.log();
  const auto before = rig_->Running("web");
  ASSERT_EQ(rig_->engine.Docker({"kill", *before.begin()}).code, 0);
  EXPECT_TRUE(Eventually([&] {
    const auto now = rig_->Running("web");
    return now.size() == 1 && now != before;
  })) << rig_->manager.log();
}

TEST_F(DockerServiceTest, AnImageThatIsNowhereRejectsTheTask) {
  Create(1, {"--image", "127.0.0.1:1/nothing:here", "--restart-delay", "1m", "--args", "serve"});
  const std::string rejected = TaskIn("REJECTED");
  ASSERT_NE(rejected, "") << rig_->manager.log();
  EXPECT_THAT(TaskField(rig_->manager, rejected, "Error"), HasSubstr("127.0.0.1:1"));
}

TEST_F(DockerServiceTest, ATaskRunsOnceHealthyAndIsReplacedWhenItSickens) {
  ASSERT_TRUE(rig_->engine.MakeImage(
      "healthy:1", "1",
      "HEALTHCHECK --interval=200ms --timeout=5s --start-period=1m --retries=1 CMD test -e "
      "/tmp/well"));
  Create(1, {"--image", "healthy:1", "--args", "serve"});
  std::set<std::string> first;
  ASSERT_TRUE(Eventually([&] { return (first = rig_->Running("web")).size() == 1; }));
  EXPECT_NE(TaskIn("STARTING"), "") << rig_->manager.log();
  EXPECT_EQ(rig_->manager.TasksIn("RUNNING"), 0);
  ASSERT_EQ(rig_->engine.Docker({"exec", *first.begin(), "touch", "/tmp/well"}).code, 0);
  const std::string task = TaskIn("RUNNING");
  ASSERT_NE(task, "") << rig_->manager.log();

  ASSERT_EQ(rig_->engine.Docker({"exec", *first.begin(), "rm", "/tmp/well"}).code, 0);
  EXPECT_TRUE(Eventually([&] {
    for (const TaskRow& row : Tasks(rig_->manager, "web")) {
      if (row.id == task) return row.state == "FAILED";
    }
    return false;
  })) << rig_->manager.log();
  EXPECT_THAT(TaskField(rig_->manager, task, "Error"), HasSubstr("unhealthy container"));

  // Its successor recovers once it is well.
  std::set<std::string> second;
  ASSERT_TRUE(Eventually([&] {
    second = rig_->Running("web");
    return second.size() == 1 && second != first;
  })) << rig_->manager.log();
  ASSERT_EQ(rig_->engine.Docker({"exec", *second.begin(), "touch", "/tmp/well"}).code, 0);
  EXPECT_TRUE(Runs(1)) << rig_->manager.log();
}

}  // namespace
}  // namespace swarm::test
