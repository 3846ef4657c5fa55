// A stock Docker Engine becomes a worker of our manager with its own `docker swarm join`.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "hello_watcher.h"
#include "joined.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class EngineJoinTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    engine_ = std::make_unique<DockerEngine>();
    ASSERT_TRUE(engine_->Start()) << engine_->log();
    manager_ = std::make_unique<Manager>();
    manager_->ListenOn(Address());
    ASSERT_TRUE(StartManager()) << manager_->log();
  }

  // Not the usual port: somebody may have taken that one on every address.
  std::string Address() const {
    return engine_->outside_ip() + ":" + std::to_string(20000 + getpid() % 10000);
  }
  bool StartManager() { return manager_->Start({"--executor", "process"}); }
  Finished Join(const std::string& token) {
    return engine_->Docker({"swarm", "join", "--token", token, Address()});
  }
  // Joined as a worker; its node id.
  std::string Joined() {
    const Finished joined = Join(JoinToken(*manager_, "worker"));
    EXPECT_EQ(joined.code, 0) << joined.err << manager_->log();
    const std::string id = Info("{{.Swarm.NodeID}}");
    EXPECT_TRUE(NodeIs(*manager_, id, "READY")) << manager_->log() << engine_->log();
    return id;
  }
  std::string Info(const std::string& format) {
    std::string out = engine_->Docker({"info", "--format", format}).out;
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }
  void Create(const std::string& name, const std::string& node,
              const std::vector<std::string>& more) {
    std::vector<std::string> argv = {
        "service",      "create",           "--name",          name,   "--image", "busybox:latest",
        "--constraint", "node.id==" + node, "--restart-delay", "200ms"};
    argv.insert(argv.end(), more.begin(), more.end());
    const Finished created = manager_->Ctl(argv);
    ASSERT_EQ(created.code, 0) << created.err;
  }
  std::set<std::string> Containers(const std::string& service) {
    std::set<std::string> ids;
    for (const auto& c : engine_->Containers({"com.docker.swarm.service.name=" + service})) {
      if (c["State"] == "running") ids.insert(c["Id"]);
    }
    return ids;
  }
  // How often tasks of a service have been tried.
  std::size_t Attempts(const std::string& service) {
    std::istringstream lines(manager_->Ctl({"service", "ps", service, "--all", "-q"}).out);
    return static_cast<std::size_t>(std::distance(std::istream_iterator<std::string>(lines),
                                                  std::istream_iterator<std::string>()));
  }
  // The first task of a service that has failed, as JSON.
  std::string Ended(const std::string& service) {
    std::string text;
    Eventually(
        [&] {
          std::istringstream ids(manager_->Ctl({"service", "ps", service, "--all", "-q"}).out);
          for (std::string id; ids >> id;) {
            text = manager_->Ctl({"task", "inspect", id, "--format", "json"}).out;
            if (text.find("\"FAILED\"") != std::string::npos ||
                text.find("\"REJECTED\"") != std::string::npos) {
              return true;
            }
          }
          return false;
        },
        60s);
    return text;
  }
  std::string TaskIds() { return manager_->Ctl({"task", "ls", "-q"}).out; }
  bool Runs(const std::string& service, std::size_t count) {
    return Eventually([&] { return Containers(service).size() == count; }, 60s);
  }

  std::unique_ptr<DockerEngine> engine_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(EngineJoinTest, ServesDrainsLeavesAndJoinsAgain) {
  const std::string id = Joined();
  EXPECT_EQ(NodeField(*manager_, id, "CPUs"), Info("{{.NCPU}}"));
  EXPECT_EQ(NodeField(*manager_, id, "Address"), engine_->ip());
  EXPECT_EQ(NodeField(*manager_, id, "Engine Version"), Info("{{.ServerVersion}}"));

  Create("web", id, {"--replicas", "2", "--args", "serve"});
  Create("everywhere", id, {"--mode", "global", "--args", "serve"});
  EXPECT_TRUE(Runs("web", 2)) << manager_->Ctl({"task", "ls"}).out << engine_->log();
  EXPECT_TRUE(Runs("everywhere", 1)) << manager_->Ctl({"task", "ls"}).out;
  EXPECT_TRUE(Eventually([&] { return RunningOn(*manager_, id) == 3; }));

  // What ends badly is told as it ended, and tried again.
  Create("bad", id, {"--args", "sh,-c,exit 7"});
  EXPECT_THAT(Ended("bad"), AllOf(HasSubstr("FAILED"), HasSubstr("exit_code\": 7"),
                                  HasSubstr("task: non-zero exit (7)")));
  EXPECT_TRUE(Eventually([&] { return Attempts("bad") > 1; }, 60s));
  manager_->Ctl({"service", "remove", "bad"});

  // So does what lives, but not well.
  ASSERT_TRUE(engine_->MakeImage("sick:latest", "1",
                                 "HEALTHCHECK --interval=1s --retries=1 CMD /bin/false"));
  // It has to end badly when it is stopped for that: engines tell nothing of those that do not.
  Create("sick", id,
         {"--image", "sick:latest", "--args",
          "/bin/sh,-c,trap 'exit 3' TERM; while :; do sleep 1; done"});
  EXPECT_THAT(Ended("sick"), AllOf(HasSubstr("FAILED"), HasSubstr("exit_code\": 3"),
                                   HasSubstr("unhealthy container")));
  manager_->Ctl({"service", "remove", "sick"});
  // And what cannot even begin.
  Create("none", id, {"--image", "localhost:1/none:none", "--args", "serve"});
  EXPECT_THAT(Ended("none"), AllOf(HasSubstr("REJECTED"), HasSubstr("No such image")));
  manager_->Ctl({"service", "remove", "none"});

  // The manager's restart does not touch the containers.
  const auto before = Containers("web");
  manager_->process().Signal(SIGTERM);
  ASSERT_EQ(manager_->process().Wait(), 0);
  ASSERT_TRUE(StartManager()) << manager_->log();
  EXPECT_TRUE(NodeIs(*manager_, id, "READY")) << manager_->log();
  EXPECT_TRUE(Eventually([&] { return RunningOn(*manager_, id) == 3; }));
  EXPECT_EQ(Containers("web"), before);

  // Engines in swarm mode take their containers along; the services come back by themselves.
  engine_->Stop();
  EXPECT_TRUE(NodeIs(*manager_, id, "DOWN")) << manager_->log();
  ASSERT_TRUE(engine_->Start()) << engine_->log();
  EXPECT_TRUE(NodeIs(*manager_, id, "READY")) << manager_->log() << engine_->log();
  EXPECT_TRUE(Runs("web", 2)) << manager_->Ctl({"task", "ls"}).out;
  EXPECT_EQ(Info("{{.Swarm.NodeID}}"), id);

  ASSERT_EQ(manager_->Ctl({"node", "drain", id}).code, 0);
  EXPECT_TRUE(Runs("web", 0)) << manager_->Ctl({"task", "ls"}).out;
  ASSERT_EQ(manager_->Ctl({"node", "activate", id}).code, 0);
  EXPECT_TRUE(Runs("web", 2)) << manager_->Ctl({"task", "ls"}).out;

  ASSERT_EQ(engine_->Docker({"swarm", "leave"}).code, 0);
  EXPECT_TRUE(Runs("web", 0));
  EXPECT_TRUE(NodeIs(*manager_, id, "DOWN")) << manager_->log();
  const Finished removed = manager_->Ctl({"node", "remove", id});
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_NE(manager_->Ctl({"node", "inspect", id}).code, 0);

  const std::string again = Joined();
  EXPECT_NE(again, id);
  Create("late", again, {"--args", "serve"});
  EXPECT_TRUE(Runs("late", 1)) << manager_->Ctl({"task", "ls"}).out;
}

TEST_F(EngineJoinTest, ARemovedEngineIsShutOutAtOnceAndARotatedTokenLetsNobodyIn) {
  const std::string old_token = JoinToken(*manager_, "worker");
  const std::string id = Joined();
  Create("web", id, {"--args", "serve"});
  EXPECT_TRUE(Runs("web", 1));
  ASSERT_EQ(manager_->Ctl({"node", "remove", "--force", id}).code, 0);
  EXPECT_TRUE(Eventually([&] {
    return engine_->log().find("was removed from swarm") != std::string::npos ||
           engine_->log().find("node not registered") != std::string::npos;
  })) << engine_->log();
  EXPECT_THAT(manager_->log(), HasSubstr("its connections are closed"));
  ASSERT_EQ(engine_->Docker({"swarm", "leave", "--force"}).code, 0);

  ASSERT_EQ(manager_->Ctl({"cluster", "update", "default", "--rotate-join-token", "worker"}).code,
            0);
  const Finished refused = Join(old_token);
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("A valid join token is necessary to join this cluster"));
  engine_->Docker({"swarm", "leave", "--force"});
  Joined();
}

// The engine and a swarmd work for the manager; all three get certificates of a new root, twice,
// and nothing that runs notices. Engines of that age offer no ALPN after their first renewal, so
// coming back to the restarted manager shows that they may.
TEST_F(EngineJoinTest, ANewRootForEverybodyWhileTheyWork) {
  const std::string id = Joined();
  Manager worker;
  ASSERT_TRUE(worker.Start({"--executor", "process", "--hostname", "w1", "--join-addr", Address(),
                            "--join-token", JoinToken(*manager_, "worker")}))
      << worker.log();
  Create("web", id, {"--replicas", "2", "--args", "serve"});
  const Finished created =
      manager_->Ctl({"service", "create", "--name", "job", "--image", "none", "--constraint",
                     "node.hostname==w1", "--args", "sleep,100000"});
  ASSERT_EQ(created.code, 0) << created.err;
  ASSERT_TRUE(Runs("web", 2)) << engine_->log();
  ASSERT_TRUE(Eventually([&] { return RunningOn(*manager_, "w1") == 1; })) << worker.log();
  const auto containers = Containers("web");
  const std::string tasks = TaskIds();

  for (int round = 0; round < 2; ++round) {
    const std::string root = ReadText(manager_->state() + "/certificates/swarm-root-ca.crt");
    const std::string token = JoinToken(*manager_, "worker");
    ASSERT_EQ(manager_->Ctl({"cluster", "update", "default", "--rotate-ca"}).code, 0);
    EXPECT_TRUE(Eventually([&] { return JoinToken(*manager_, "worker") != token; }, 120s))
        << manager_->log() << worker.log() << engine_->log();
    for (Manager* node : {manager_.get(), &worker}) {
      EXPECT_TRUE(Eventually([&] {
        const std::string now = ReadText(node->state() + "/certificates/swarm-root-ca.crt");
        return !now.empty() && now != root;
      })) << node->log();
    }
    EXPECT_TRUE(NodeIs(*manager_, id, "READY")) << engine_->log();
    EXPECT_TRUE(NodeIs(*manager_, "w1", "READY")) << worker.log();
  }
  manager_->process().Signal(SIGTERM);
  ASSERT_EQ(manager_->process().Wait(), 0);
  ASSERT_TRUE(StartManager()) << manager_->log();
  EXPECT_TRUE(NodeIs(*manager_, id, "READY")) << engine_->log();
  EXPECT_TRUE(NodeIs(*manager_, "w1", "READY")) << worker.log();
  EXPECT_TRUE(Eventually([&] { return RunningOn(*manager_, id) == 2; }));
  EXPECT_EQ(Containers("web"), containers);
  EXPECT_EQ(TaskIds(), tasks);
  RemoveServices(*manager_);
}

// Engines of that age offer ALPN until their first renewal, and never again.
TEST_F(EngineJoinTest, AnEngineThatHasStoppedOfferingAlpnStillConnects) {
  manager_->process().Signal(SIGTERM);
  ASSERT_EQ(manager_->process().Wait(), 0);
  const HelloWatcher watcher(engine_->outside_ip(), Address());
  const auto start = [&] {
    return manager_->Start({"--executor", "process", "--advertise-remote-api", watcher.address()});
  };
  ASSERT_TRUE(start()) << manager_->log();
  const Finished joined = engine_->Docker(
      {"swarm", "join", "--token", JoinToken(*manager_, "worker"), watcher.address()});
  ASSERT_EQ(joined.code, 0) << joined.err << engine_->log();
  const std::string id = Info("{{.Swarm.NodeID}}");
  ASSERT_TRUE(NodeIs(*manager_, id, "READY")) << engine_->log();
  const auto before = watcher.alpn_offered();
  ASSERT_FALSE(before.empty());
  EXPECT_TRUE(std::find(before.begin(), before.end(), false) == before.end());
  Create("web", id, {"--args", "serve"});
  ASSERT_TRUE(Runs("web", 1)) << engine_->log();
  const auto containers = Containers("web");

  const std::string token = JoinToken(*manager_, "worker");
  ASSERT_EQ(manager_->Ctl({"cluster", "update", "default", "--rotate-ca"}).code, 0);
  ASSERT_TRUE(Eventually([&] { return JoinToken(*manager_, "worker") != token; }, 120s))
      << manager_->log() << engine_->log();
  manager_->process().Signal(SIGTERM);
  ASSERT_EQ(manager_->process().Wait(), 0);
  const std::size_t seen = watcher.alpn_offered().size();
  ASSERT_TRUE(start()) << manager_->log();
  EXPECT_TRUE(NodeIs(*manager_, id, "READY")) << engine_->log();
  EXPECT_TRUE(Eventually([&] { return RunningOn(*manager_, id) == 1; }));
  EXPECT_EQ(Containers("web"), containers);
  const auto after = watcher.alpn_offered();
  ASSERT_GT(after.size(), seen);
  EXPECT_FALSE(after.back()) << "this engine still offers ALPN: the test shows nothing";
}

// The directory that an engine in swarm mode has left: certificates, managers and tasks. Our swarmd
// goes on as the same node, with the same engine to run containers on.
TEST_F(EngineJoinTest, OurSwarmdGoesOnWithAnEnginesDirectory) {
  const std::string id = Joined();
  Create("web", id, {"--args", "serve"});
  ASSERT_TRUE(Runs("web", 1)) << engine_->log();
  ASSERT_TRUE(Eventually([&] { return RunningOn(*manager_, id) == 1; }));
  engine_->Stop();
  Manager worker;
  const std::string left = engine_->folder() + "/data/swarm";
  std::filesystem::copy(left, worker.state(), std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(left);
  ASSERT_TRUE(engine_->Start()) << engine_->log();
  ASSERT_TRUE(worker.StartWithConfig("plugins:\n  path: [" + BuildDirectory() +
                                     "/plugins]\n  executor:\n    - {use: docker, default: true, "
                                     "engine: \"" +
                                     engine_->address() + "\", pull: missing, payload_dir: \"" +
                                     engine_->folder() + "/payload\"}\n"))
      << worker.log();
  EXPECT_THAT(worker.log(), HasSubstr("took over the tasks of the agent that was here before"));
  EXPECT_TRUE(NodeIs(*manager_, id, "READY")) << worker.log();
  EXPECT_TRUE(Runs("web", 1)) << manager_->Ctl({"task", "ls"}).out << worker.log();
  EXPECT_TRUE(Eventually([&] { return RunningOn(*manager_, id) == 1; })) << worker.log();
  manager_->Ctl({"service", "remove", "web"});
  EXPECT_TRUE(Runs("web", 0)) << worker.log();
}

}  // namespace
}  // namespace swarm::test
