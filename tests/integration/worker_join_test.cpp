// Our swarmd is a worker of a Docker swarm, and of another swarmd.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "joined.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;

std::string Trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// A Docker swarm of one manager, and a swarmd that is to become its worker, with an engine of its
// own to run containers on.
class DockerSwarmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    swarm_ = std::make_unique<DockerEngine>();
    host_ = std::make_unique<DockerEngine>();
    ASSERT_TRUE(swarm_->Start()) << swarm_->log();
    ASSERT_TRUE(host_->Start()) << host_->log();
    const Finished made = swarm_->Docker({"swarm", "init", "--advertise-addr", swarm_->ip()});
    ASSERT_EQ(made.code, 0) << made.err;
    token_ = Trimmed(swarm_->Docker({"swarm", "join-token", "-q", "worker"}).out);
    worker_ = std::make_unique<Manager>();
  }
  void TearDown() override {
    if (!worker_) return;
    for (const std::string& id : Lines(swarm_->Docker({"service", "ls", "-q"}).out)) {
      swarm_->Docker({"service", "rm", id});
    }
    Eventually([&] { return Containers("").empty(); }, 20s);
  }

  static std::vector<std::string> Lines(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  std::string Yaml(const std::string& on_stop) const {
    return "node: {on_stop: " + on_stop + "}\njoin: {address: \"" + swarm_->ip() +
           ":2377\", token: " + token_ + "}\nplugins:\n  path: [" + BuildDirectory() +
           "/plugins]\n  executor:\n    - {use: docker, default: true, engine: \"" +
           host_->address() + "\", pull: missing, payload_dir: \"" + host_->folder() +
           "/payload\"}\n    - {use: process}\n";
  }
  bool StartWorker(const std::string& on_stop = "detach") {
    return worker_->StartWithConfig(Yaml(on_stop));
  }
  // The node that is not the Docker manager.
  std::string NodeId() {
    const std::string own = Trimmed(swarm_->Docker({"info", "-f", "{{.Swarm.NodeID}}"}).out);
    for (const std::string& id : Lines(swarm_->Docker({"node", "ls", "-q"}).out)) {
      if (id != own) return id;
    }
    return "";
  }
  bool NodeIs(const std::string& id, const std::string& state) {
    return Eventually(
        [&] {
          return Trimmed(swarm_->Docker({"node", "inspect", "-f", "{{.Status.State}}", id}).out) ==
                 state;
        },
        60s);
  }
  void Create(const std::string& name, const std::string& node, std::vector<std::string> more) {
    std::vector<std::string> argv = {"service", "create", "--detach",     "--no-resolve-image",
                                     "--name",  name,     "--constraint", "node.id==" + node};
    argv.insert(argv.end(), more.begin(), more.end());
    const Finished created = swarm_->Docker(argv);
    ASSERT_EQ(created.code, 0) << created.err;
  }
  std::string States(const std::string& service) {
    return swarm_->Docker({"service", "ps", "--format", "{{.CurrentState}} {{.Error}}", service})
        .out;
  }
  bool Runs(const std::string& service, std::size_t count) {
    return Eventually(
        [&] {
          std::size_t running = 0;
          for (const auto& line : Lines(States(service))) running += line.starts_with("Running");
          return running == count;
        },
        60s);
  }
  std::set<std::string> Containers(const std::string& service) {
    std::set<std::string> ids;
    const std::string label =
        service.empty() ? "com.docker.swarm.task" : "com.docker.swarm.service.name=" + service;
    for (const auto& c : host_->Containers({label})) {
      if (c["State"] == "running") ids.insert(c["Id"]);
    }
    return ids;
  }

  std::unique_ptr<DockerEngine> swarm_;
  std::unique_ptr<DockerEngine> host_;
  std::unique_ptr<Manager> worker_;
  std::string token_;
};

TEST_F(DockerSwarmTest, OurWorkerRunsItsServices) {
  ASSERT_TRUE(StartWorker()) << worker_->log();
  const std::string id = NodeId();
  EXPECT_TRUE(NodeIs(id, "ready")) << worker_->log();

  Create("web", id, {"--replicas", "2", "busybox:latest", "serve"});
  EXPECT_TRUE(Runs("web", 2)) << States("web") << worker_->log();
  EXPECT_EQ(Containers("web").size(), 2U);

  Create("plain", id, {"--label", "swarm.executor=process", "busybox:latest", "sleep", "100000"});
  EXPECT_TRUE(Runs("plain", 1)) << States("plain") << worker_->log();
  EXPECT_TRUE(Containers("plain").empty());

  const TemporaryFolder folder;
  WriteText(folder / "secret", "hush");
  WriteText(folder / "config", "knob=1");
  ASSERT_EQ(swarm_->Docker({"secret", "create", "s1", folder / "secret"}).code, 0);
  ASSERT_EQ(swarm_->Docker({"config", "create", "c1", folder / "config"}).code, 0);
  Create("told", id,
         {"--secret", "s1", "--config", "source=c1,target=/etc/c1", "busybox:latest", "serve"});
  EXPECT_TRUE(Runs("told", 1)) << States("told") << worker_->log();
  const auto told = Containers("told");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(host_->Docker({"exec", *told.begin(), "cat", "/run/secrets/s1"}).out, "hush");
  EXPECT_EQ(host_->Docker({"exec", *told.begin(), "cat", "/etc/c1"}).out, "knob=1");
  // A process has them in its own view of the file system, and tells.
  Create("heard", id,
         {"--label", "swarm.executor=process", "--secret", "s1", "--config",
          "source=c1,target=/etc/c1", "busybox:latest", "sh", "-c",
          "cat /run/secrets/s1 /etc/c1 > " + folder / "heard" + "; sleep 100000"});
  EXPECT_TRUE(Eventually([&] { return ReadText(folder / "heard") == "hushknob=1"; }))
      << States("heard") << worker_->log();
  EXPECT_EQ(worker_->log().find("hush"), std::string::npos);

  // Neither side's restart touches a container.
  const auto before = Containers("");
  swarm_->Stop();
  ASSERT_TRUE(swarm_->Start()) << swarm_->log();
  EXPECT_TRUE(NodeIs(id, "ready")) << worker_->log() << swarm_->log();
  worker_->process().Signal(SIGTERM);
  ASSERT_EQ(worker_->process().Wait(), 0) << worker_->log();
  EXPECT_TRUE(NodeIs(id, "down")) << swarm_->log();
  ASSERT_TRUE(StartWorker("leave")) << worker_->log();
  EXPECT_TRUE(NodeIs(id, "ready")) << worker_->log();
  EXPECT_TRUE(Runs("web", 2)) << States("web");
  EXPECT_EQ(Containers(""), before);
  EXPECT_THAT(ReadText(worker_->state() + "/state.json"), HasSubstr(swarm_->ip() + ":2377"));

  // It leaves, with its tasks.
  worker_->process().Signal(SIGTERM);
  EXPECT_EQ(worker_->process().Wait(60s), 0) << worker_->log();
  EXPECT_TRUE(Containers("").empty());
  EXPECT_TRUE(NodeIs(id, "down"));
  EXPECT_EQ(swarm_->Docker({"node", "rm", id}).code, 0);
}

// A swarmd that manages, and another that works for it: no Docker at all.
class TwoSwarmdTest : public ::testing::Test {
 protected:
  void SetUp() override {
    manager_.ListenOn("127.0.0.1:" + std::to_string(port_));
    ASSERT_TRUE(manager_.Start({"--executor", "process"})) << manager_.log();
  }
  void TearDown() override { RemoveServices(manager_); }
  std::vector<std::string> JoinArguments(const std::string& token) const {
    return {"--executor",   "process", "--join-addr", "127.0.0.1:" + std::to_string(port_),
            "--join-token", token,     "--hostname",  "w1"};
  }

  // Of a range that nobody is given by chance.
  const int port_ = 20000 + getpid() % 10000;
  Manager manager_;
  Manager worker_;
};

TEST_F(TwoSwarmdTest, OneWorksForTheOther) {
  ASSERT_TRUE(worker_.Start(JoinArguments(JoinToken(manager_, "worker")))) << worker_.log();
  EXPECT_TRUE(NodeIs(manager_, "w1", "READY")) << worker_.log();
  ASSERT_EQ(manager_
                .Ctl({"service", "create", "--name", "job", "--image", "none", "--replicas", "3",
                      "--constraint", "node.role==worker", "--args", "sleep,100000"})
                .code,
            0);
  EXPECT_TRUE(Eventually([&] { return RunningOn(manager_, "w1") == 3; })) << worker_.log();

  // The manager is gone for a while; the worker waits for it, its tasks run on.
  manager_.process().Signal(SIGKILL);
  manager_.process().Wait();
  EXPECT_TRUE(Eventually([&] {
    return worker_.log().find("The session with the manager has ended") != std::string::npos;
  }));
  ASSERT_TRUE(manager_.Start({"--executor", "process"})) << manager_.log();
  EXPECT_TRUE(NodeIs(manager_, "w1", "READY")) << worker_.log();
  EXPECT_TRUE(Eventually([&] { return RunningOn(manager_, "w1") == 3; }));

  // The worker starts again without being told where to: it remembers.
  worker_.process().Signal(SIGTERM);
  ASSERT_EQ(worker_.process().Wait(), 0) << worker_.log();
  ASSERT_TRUE(worker_.Start({"--executor", "process", "--hostname", "w1"})) << worker_.log();
  EXPECT_TRUE(NodeIs(manager_, "w1", "READY")) << worker_.log();
  EXPECT_TRUE(Eventually([&] { return RunningOn(manager_, "w1") == 3; }));
}

}  // namespace
}  // namespace swarm::test
