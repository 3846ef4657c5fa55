// One manager whose tasks are containers of a real Docker Engine.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "support/cluster.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

class DockerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = DockerEngine::Unavailable()) {
      FAIL() << *why;
    }
    // Its containers outlive a crash, so that one can see whether they are kept.
    ASSERT_TRUE(engine_.Start({"--live-restore"})) << engine_.log();
    ASSERT_TRUE(StartManager()) << manager_.log();
  }

  bool StartManager() {
    return manager_.StartWithConfig("plugins:\n  executor:\n    - {use: docker, default: true, " +
                                    std::string("engine: \"") + engine_.address() +
                                    "\", pull: missing, reconnect_maximum: 500ms, payload_dir: \"" +
                                    engine_.folder() + "/payloads\"}\n");
  }
  Finished Create(std::vector<std::string> more, const std::string& image = "busybox") {
    std::vector<std::string> arguments = {"service", "create", "--name", "web",
                                          "--image", image,    "--init"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return manager_.Ctl(arguments);
  }
  // Ids of the service's containers that run.
  std::set<std::string> Running() {
    std::set<std::string> out;
    for (const auto& row : engine_.Containers({"com.docker.swarm.service.name=web"})) {
      if (row["State"] == "running") out.insert(row["Id"].get<std::string>());
    }
    return out;
  }
  bool Settles(std::size_t replicas) {
    return Eventually(
        [&] {
          return manager_.TasksIn("RUNNING") == static_cast<int>(replicas) &&
                 Running().size() == replicas;
        },
        60s);
  }
  static std::vector<std::string> Sleep(int replicas) {
    return {"--replicas", std::to_string(replicas), "--args",
            "sh,-c,trap 'exit 0' TERM; sleep 3600 & wait"};
  }

  DockerEngine engine_;
  Manager manager_;
};

TEST_F(DockerTest, CreatesScalesUpdatesAndRemovesAService) {
  const Finished created = Create(Sleep(2));
  ASSERT_EQ(created.code, 0) << created.err;
  ASSERT_TRUE(Settles(2)) << manager_.log() << manager_.Ctl({"task", "ls", "-a"}).out;
  const auto first = Running();

  ASSERT_EQ(manager_.Ctl({"service", "update", "web", "--replicas", "3"}).code, 0);
  ASSERT_TRUE(Settles(3)) << manager_.log();
  const auto three = Running();
  EXPECT_TRUE(std::includes(three.begin(), three.end(), first.begin(), first.end()));

  ASSERT_EQ(manager_.Ctl({"service", "update", "web", "--env", "A=1"}).code, 0);
  ASSERT_TRUE(Eventually(
      [&] {
        const auto now = Running();
        return now.size() == 3 && std::none_of(now.begin(), now.end(), [&](const std::string& id) {
                 return three.contains(id);
               });
      },
      60s))
      << manager_.log();

  ASSERT_EQ(manager_.Ctl({"service", "remove", "web"}).code, 0);
  EXPECT_TRUE(
      Eventually([&] { return engine_.Containers({"com.docker.swarm.task"}).empty(); }, 60s))
      << "containers are left";
}

TEST_F(DockerTest, ExpandsTemplatesOfATask) {
  ASSERT_EQ(Create({"--hostname", "{{.Service.Name}}-{{.Task.Slot}}", "--env",
                    "NODE={{.Node.Hostname}}", "--args", "sleep,3600"})
                .code,
            0);
  ASSERT_TRUE(Settles(1)) << manager_.log();
  const auto found =
      engine_.Call(engine::Request::Get("/containers/" + *Running().begin() + "/json")).Json();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)["Config"]["Hostname"], "web-1");
  const auto info = engine_.Call(engine::Request::Get("/info")).Json();
  EXPECT_EQ((*found)["Config"]["Env"][0], "NODE=" + (*info)["Name"].get<std::string>());
}

TEST_F(DockerTest, AMissingImageIsTold) {
  ASSERT_EQ(Create({"--restart-condition", "none"}, "127.0.0.1:1/no/such:image").code, 0);
  EXPECT_TRUE(Eventually([&] {
    return manager_.Ctl({"task", "ls", "-a"}).out.find("REJECTED") != std::string::npos;
  })) << manager_.Ctl({"task", "ls", "-a"}).out;
}

TEST_F(DockerTest, ContainersSurviveAKilledManager) {
  ASSERT_EQ(Create(Sleep(3)).code, 0);
  ASSERT_TRUE(Settles(3)) << manager_.log();
  const auto before = Running();
  manager_.process().Signal(SIGKILL);
  manager_.process().Wait();
  ASSERT_TRUE(StartManager()) << manager_.log();
  EXPECT_TRUE(Settles(3)) << manager_.log();
  EXPECT_EQ(Running(), before) << "containers were doubled or replaced";
}

TEST_F(DockerTest, TasksWaitForAKilledEngine) {
  ASSERT_EQ(Create(Sleep(2)).code, 0);
  ASSERT_TRUE(Settles(2)) << manager_.log();
  const auto before = Running();
  engine_.Kill();
  ASSERT_EQ(manager_.Ctl({"service", "update", "web", "--replicas", "4"}).code, 0);
  EXPECT_TRUE(Eventually([&] {
    return manager_.Ctl({"task", "ls"}).out.find("PREPARING") != std::string::npos;
  })) << manager_.Ctl({"task", "ls", "-a"}).out;
  EXPECT_EQ(manager_.TasksIn("RUNNING"), 2) << "what runs is left alone";
  ASSERT_TRUE(engine_.Start()) << engine_.log();
  EXPECT_TRUE(Settles(4)) << manager_.log();
  const auto after = Running();
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
  EXPECT_EQ(engine_.Containers({"com.docker.swarm.task"}).size(), 4u);
}

TEST_F(DockerTest, TasksWaitForAHungEngine) {
  ASSERT_EQ(Create(Sleep(1)).code, 0);
  ASSERT_TRUE(Settles(1)) << manager_.log();
  engine_.Freeze();
  ASSERT_EQ(manager_.Ctl({"service", "update", "web", "--replicas", "2"}).code, 0);
  EXPECT_TRUE(Eventually([&] {
    return manager_.Ctl({"task", "ls"}).out.find("PREPARING") != std::string::npos;
  }));
  EXPECT_EQ(manager_.TasksIn("RUNNING"), 1);
  engine_.Thaw();
  EXPECT_TRUE(Settles(2)) << manager_.log();
}

TEST_F(DockerTest, AKilledContainerIsReplaced) {
  ASSERT_EQ(Create({"--restart-delay", "100ms", "--args", "sleep,3600"}).code, 0);
  ASSERT_TRUE(Settles(1)) << manager_.log();
  const auto before = Running();
  ASSERT_EQ(engine_.Docker({"kill", *before.begin()}).code, 0);
  EXPECT_TRUE(Eventually(
      [&] {
        const auto now = Running();
        return now.size() == 1 && now != before;
      },
      60s))
      << manager_.log();
}

}  // namespace
}  // namespace swarm::test
