// swarmctl on the control socket of a real Docker Engine: every command it has, and the same
// answers as on a manager of ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <regex>
#include <sstream>

#include "support/cluster.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Ctl = std::function<Finished(std::vector<std::string>)>;

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// Without what differs from run to run: ids, times, secrets, and the width of columns that comes
// with them.
std::string Comparable(std::string text) {
  text = std::regex_replace(text, std::regex("SWMTKN-1-[0-9a-z-]+"), "TOKEN");
  text = std::regex_replace(text, std::regex("SWMKEY-1-[0-9A-Za-z+/]+"), "KEY");
  text = std::regex_replace(text, std::regex("\\b20[0-9-]+T[0-9:.]+Z"), "TIME");
  text = std::regex_replace(text, std::regex("\\b[0-9a-z]{25}\\b"), "ID");
  text = std::regex_replace(text, std::regex("\\b(now|[0-9]+ seconds? ago)"), "AGO");
  return std::regex_replace(text, std::regex(" +"), " ");
}

// The only manager of a swarm.
class SwarmEngine : public DockerEngine {
 public:
  bool Begin() {
    return Start() && MakeImage("bb:1", "1") &&
           Docker({"swarm", "init", "--advertise-addr", ip(), "--listen-addr", ip() + ":4242"})
                   .code == 0;
  }
  std::string control_socket() const { return exec_root() + "/swarm/control.sock"; }
  Finished Ctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {BuildDirectory() + "/bin/swarmctl", "--socket", control_socket()});
    return Execute(arguments);
  }
};

class SwarmctlDockerTest : public testing::Test {
 protected:
  // One engine for all: starting it takes longer than the tests.
  static void SetUpTestSuite() {
    if (DockerEngine::Unavailable()) return;
    engine_ = std::make_unique<SwarmEngine>();
    ready_ = engine_->Begin();
  }
  static void TearDownTestSuite() { engine_.reset(); }
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    ASSERT_TRUE(ready_) << engine_->log();
  }
  void TearDown() override {
    if (!ready_) return;
    std::istringstream ids(engine_->Ctl({"service", "ls", "-q"}).out);
    for (std::string id; ids >> id;) engine_->Ctl({"service", "rm", id, "--wait"});
  }

  static Finished Good(const Finished& finished) {
    EXPECT_EQ(finished.code, 0) << finished.err;
    return finished;
  }
  static std::vector<std::string> Web(std::vector<std::string> more) {
    std::vector<std::string> out = {"service", "create", "--name",    "web", "--image",
                                    "bb:1",    "--wait", "--timeout", "50s"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  static void ExpectTheSame(Manager& manager, std::vector<std::string> (*life)(const Ctl&)) {
    const auto ours = life([&manager](auto arguments) { return manager.Ctl(arguments); });
    const auto docker = life([](auto arguments) { return engine_->Ctl(arguments); });
    ASSERT_EQ(ours.size(), docker.size());
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i], docker[i]);
  }

  static std::unique_ptr<SwarmEngine> engine_;
  static bool ready_;
};

std::unique_ptr<SwarmEngine> SwarmctlDockerTest::engine_;
bool SwarmctlDockerTest::ready_ = false;

// Runs commands and notes what every one of them printed.
class Steps {
 public:
  explicit Steps(Ctl ctl) : ctl_(std::move(ctl)) {}
  void operator()(const std::vector<std::string>& arguments) {
    const Finished finished = ctl_(arguments);
    // Of a success that is its progress, which depends on the moment.
    const std::string error = finished.code == 0 ? "" : Comparable(FirstLine(finished.err));
    printed.push_back(testing::PrintToString(arguments) + " -> " + std::to_string(finished.code) +
                      "\n" + Comparable(finished.out) + error);
  }
  std::vector<std::string> printed;

 private:
  const Ctl ctl_;
};

// The everyday life of a service; what every step printed.
std::vector<std::string> ServiceLife(const Ctl& ctl) {
  Steps step(ctl);
  step({"service",
        "create",
        "--name",
        "web",
        "--image",
        "bb:1",
        "--replicas",
        "2",
        "--args",
        "sleep,3600",
        "--label",
        "a=b",
        "--env",
        "X=1",
        "--restart-delay",
        "1s",
        "--update-monitor",
        "200ms",
        "--memory-limit",
        "64m",
        "--stop-grace-period",
        "1s",
        "--constraint",
        "node.role==manager",
        "--wait",
        "--timeout",
        "50s"});
  step({"service", "ls"});
  step({"service", "inspect", "web"});
  step({"service", "ps", "web", "-q"});
  step({"service", "update", "web", "--replicas", "3", "--wait", "--timeout", "50s"});
  step({"service", "update", "web", "--env", "X=2", "--wait", "--timeout", "50s"});
  step({"service", "update", "web", "--env", "X=2"});
  step({"service", "rollback", "web", "--wait", "--timeout", "50s"});
  step({"service", "inspect", "web"});
  step({"service", "ls", "--filter", "label=a=b", "--filter", "name=web"});
  step({"service", "ls", "--filter", "label=a=c"});
  step({"task", "ls", "--filter", "service=web", "--filter", "up-to-date=true", "-q"});
  step({"service", "create", "--name", "web", "--image", "bb:1"});
  step({"service", "inspect", "nope"});
  step({"task", "inspect", "nope"});
  step({"service", "remove", "web", "--wait", "--timeout", "50s"});
  step({"service", "ls"});
  return step.printed;
}

std::vector<std::string> NodeLife(const Ctl& ctl) {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  const std::string node = name;
  Steps step(ctl);
  step({"node", "ls"});
  step({"node", "update", node, "--label", "rack=1,zone=a"});
  step({"node", "ls", "-q", "--filter", "node.label=rack=1"});
  step({"node", "ls", "-q", "--filter", "node.label=rack=2"});
  step({"node", "ls", "--filter", "role=worker"});
  step({"node", "ps", node});
  step({"node", "activate", node});
  step({"node", "pause", node});
  step({"node", "drain", node});
  step({"node", "ls"});
  step({"node", "activate", node});
  step({"node", "promote", node});
  step({"node", "demote", node});
  step({"node", "rm", node});
  step({"node", "rm", node, "--force"});
  step({"node", "update", node, "--label", ""});
  return step.printed;
}

std::vector<std::string> ClusterLife(const Ctl& ctl) {
  Steps step(ctl);
  step({"cluster", "update", "default", "--taskhistory", "4", "--certexpiry", "48h",
        "--heartbeatperiod", "4s"});
  step({"cluster", "ls"});
  step({"cluster", "inspect", "default"});
  step({"cluster", "update", "default", "--rotate-join-token", "worker"});
  step({"cluster", "update", "default", "--rotate-join-token", "manager"});
  step({"cluster", "update", "default", "--rotate-join-token", "nobody"});
  step({"cluster", "unlock-key", "default"});
  step({"cluster", "update", "default", "--autolock"});
  step({"cluster", "unlock-key", "default"});
  step({"cluster", "update", "default", "--rotate-unlock-key"});
  step({"cluster", "update", "default", "--autolock=false"});
  step({"cluster", "unlock-key", "default"});
  return step.printed;
}

// Secrets, configs and networks.
std::vector<std::string> ResourceLife(const Ctl& ctl) {
  const TemporaryFolder folder;
  WriteText(folder / "data", "s3cret\n");
  const std::string file = folder / "data";
  Steps step(ctl);
  for (const std::string kind : {"secret", "config"}) {
    step({kind, "create", "one", "-f", "/no/such/file"});
    step({kind, "ls"});
    // Without the file's name, which is another each time.
    const auto create = [&step, &file](const std::vector<std::string>& words) {
      step(words);
      std::string& printed = step.printed.back();
      for (std::size_t at; (at = printed.find(file)) != std::string::npos;)
        printed.replace(at, file.size(), "FILE");
    };
    create({kind, "create", "two", "-f", file});
    create({kind, "create", "two", "-f", file});
    create({kind, "create", "a b", "-f", file});
    step({kind, "ls"});
    step({kind, "inspect", "two"});
    step({kind, "inspect", "three"});
    step({kind, "rm", "two"});
    step({kind, "rm", "two"});
    step({kind, "ls", "-q"});
  }
  step({"network", "create", "--name", "mine", "--driver", "overlay", "--subnet", "10.78.0.0/24"});
  step({"network", "create", "--name", "mine", "--driver", "overlay"});
  step({"network", "create", "--name", "a b"});
  step({"network", "inspect", "other"});
  step({"network", "rm", "mine"});
  step({"network", "rm", "mine"});
  return step.printed;
}

TEST_F(SwarmctlDockerTest, AServiceLivesTheSameLifeAsOnAManagerOfOurs) {
  Manager manager;
  ASSERT_TRUE(manager.Start()) << manager.log();
  ExpectTheSame(manager, ServiceLife);
}

TEST_F(SwarmctlDockerTest, NodesTheClusterAndResourcesAreManagedAsOnAManagerOfOurs) {
  Manager manager;
  ASSERT_TRUE(manager.Start()) << manager.log();
  ExpectTheSame(manager, NodeLife);
  ExpectTheSame(manager, ClusterLife);
  ExpectTheSame(manager, ResourceLife);
}

TEST_F(SwarmctlDockerTest, ErrorsAreTheSameAsOnAManagerOfOurs) {
  Manager manager;
  ASSERT_TRUE(manager.Start()) << manager.log();
  const std::vector<std::vector<std::string>> lines = {
      {"service", "create", "--name", "a b", "--image", "bb:1"},
      {"service", "create", "--name", "x", "--image", "UPPER"},
      {"service", "create", "--name", "x", "--image", "bb:1", "--memory-limit", "1m"},
      {"service", "create", "--name", "x", "--image", "bb:1", "--constraint", "x"},
      {"service", "create", "--name", "x", "--image", "bb:1", "--ports", "a:80:80,b:81:80"},
      {"node", "inspect", "nope"},
      {"node", "rm", "nope"},
      {"task", "rm", "nope"},
      {"cluster", "update", "default", "--certexpiry", "1m"},
      {"cluster", "inspect", "other"},
  };
  for (const auto& line : lines) {
    const Finished ours = manager.Ctl(line);
    const Finished docker = engine_->Ctl(line);
    EXPECT_EQ(ours.code, 255) << testing::PrintToString(line);
    EXPECT_EQ(docker.code, 255) << testing::PrintToString(line);
    EXPECT_EQ(FirstLine(ours.err), FirstLine(docker.err)) << testing::PrintToString(line);
  }
}

TEST_F(SwarmctlDockerTest, ManagesNodes) {
  const std::string id = Good(engine_->Ctl({"node", "ls", "-q"})).out.substr(0, 25);
  const std::string list = engine_->Ctl({"node", "ls"}).out;
  EXPECT_THAT(list, StartsWith("ID                         Name"));
  EXPECT_THAT(list, HasSubstr("ACCEPTED    READY   ACTIVE        REACHABLE *\n"));
  EXPECT_THAT(engine_->Ctl({"node", "inspect", id.substr(0, 6)}).out,
              HasSubstr("Engine Version              : "));
  EXPECT_EQ(Good(engine_->Ctl({"node", "update", id, "--label", "rack=1,zone=a"})).out, "");
  EXPECT_THAT(engine_->Ctl({"node", "inspect", id}).out, HasSubstr(": rack=1 zone=a\n"));
  EXPECT_EQ(engine_->Ctl({"node", "ls", "-q", "--filter", "node.label=rack=1"}).out, id + "\n");
  EXPECT_EQ(engine_->Ctl({"node", "ls", "-q", "--filter", "role=worker"}).out, "");
  EXPECT_EQ(engine_->Ctl({"node", "activate", id}).err,
            "Error: Node " + id + " is already active\n");
  for (const char* change : {"pause", "drain", "activate"})
    Good(engine_->Ctl({"node", change, id}));
  EXPECT_EQ(engine_->Ctl({"node", "promote", id}).err,
            "Error: Node " + id + " is already a manager\n");
  EXPECT_EQ(engine_->Ctl({"node", "demote", id}).err,
            "Error: attempting to demote the last manager of the swarm\n");
  EXPECT_THAT(engine_->Ctl({"node", "rm", "--force", id}).err, HasSubstr("is a cluster manager"));
}

TEST_F(SwarmctlDockerTest, ManagesTheCluster) {
  EXPECT_THAT(Good(engine_->Ctl({"cluster", "ls"})).out, HasSubstr("default"));
  const auto token = [this](const std::string& role) {
    return engine_->Docker({"swarm", "join-token", "-q", role}).out;
  };
  const std::string worker = token("worker");
  EXPECT_THAT(Good(engine_->Ctl({"cluster", "inspect", "default"})).out,
              HasSubstr("Worker: " + worker));
  Good(engine_->Ctl({"cluster", "update", "default", "--rotate-join-token", "worker"}));
  EXPECT_NE(token("worker"), worker);
  Good(engine_->Ctl({"cluster", "update", "default", "--taskhistory", "3", "--certexpiry", "24h",
                     "--heartbeatperiod", "3s"}));
  const std::string info = engine_->Docker({"info"}).out;
  EXPECT_THAT(info, HasSubstr("Task History Retention Limit: 3"));
  EXPECT_THAT(info, HasSubstr("Heartbeat Period: 3 seconds"));
  EXPECT_THAT(info, HasSubstr("Expiry Duration: 24 hours"));

  EXPECT_EQ(engine_->Ctl({"cluster", "unlock-key", "default"}).out, "Managers not auto-locked\n");
  Good(engine_->Ctl({"cluster", "update", "default", "--autolock"}));
  const std::string told = Good(engine_->Ctl({"cluster", "unlock-key", "default"})).out;
  EXPECT_THAT(told, HasSubstr(engine_->Docker({"swarm", "unlock-key", "-q"}).out.substr(0, 52)));
  const std::string rotated =
      Good(engine_->Ctl({"cluster", "update", "default", "--rotate-unlock-key"})).out;
  EXPECT_THAT(rotated, HasSubstr("Managers auto-locked.  Unlock key: SWMKEY-1-"));
  EXPECT_EQ(rotated.find(told), std::string::npos);
  Good(engine_->Ctl({"cluster", "update", "default", "--autolock=false"}));
}

TEST_F(SwarmctlDockerTest, KeepsSecretsAndConfigsForServices) {
  const TemporaryFolder folder;
  WriteText(folder / "data", "s3cret");
  const std::string id = Good(engine_->Ctl({"secret", "create", "pw", "-f", folder / "data"})).out;
  EXPECT_EQ(id.size(), 26U);
  Good(engine_->Ctl({"config", "create", "app", "-f", folder / "data"}));
  EXPECT_THAT(engine_->Ctl({"secret", "ls"}).out, HasSubstr("pw"));
  EXPECT_THAT(engine_->Docker({"secret", "ls"}).out, HasSubstr("pw"));
  EXPECT_THAT(engine_->Ctl({"secret", "inspect", "pw"}).out, StartsWith("ID             : " + id));
  EXPECT_THAT(engine_->Ctl({"config", "inspect", "app"}).out, HasSubstr("\nPayload:\n\ns3cret\n"));
  Good(engine_->Ctl(Web({"--stop-grace-period", "1s", "--secret", "pw", "--config", "app:/app.conf",
                         "--args", "sh,-c,cat /run/secrets/pw /app.conf && echo && sleep 3600"})));
  EXPECT_TRUE(Eventually([] {
    return engine_->Ctl({"service", "logs", "web", "--raw"}).out == "s3crets3cret\n";
  })) << engine_->Ctl({"service", "logs", "web"}).out;
  EXPECT_THAT(engine_->Ctl({"secret", "rm", "pw"}).err, HasSubstr("is in use by"));
  Good(engine_->Ctl({"service", "update", "web", "--rm-secret", "pw", "--rm-config", "app",
                     "--args", "sleep,3600", "--wait", "--timeout", "50s"}));
  EXPECT_EQ(Good(engine_->Ctl({"secret", "rm", "pw"})).out, id);
  EXPECT_EQ(Good(engine_->Ctl({"config", "rm", "app"})).code, 0);
  EXPECT_EQ(engine_->Ctl({"config", "ls", "-q"}).out, "");
}

TEST_F(SwarmctlDockerTest, ManagesNetworks) {
  const std::string id =
      Good(engine_->Ctl({"network", "create", "--name", "net", "--driver", "overlay", "--subnet",
                         "10.77.0.0/24", "--gateway", "10.77.0.1", "--attachable"}))
          .out;
  EXPECT_TRUE(Eventually([] {
    return engine_->Ctl({"network", "ls"}).out.find("net      overlay") != std::string::npos;
  })) << engine_->Ctl({"network", "ls"}).out;
  EXPECT_THAT(engine_->Ctl({"network", "inspect", "net"}).out, HasSubstr(": 10.77.0.0/24\n"));
  EXPECT_THAT(engine_->Docker({"network", "ls", "--filter", "driver=overlay"}).out,
              HasSubstr("net "));
  EXPECT_EQ(Good(engine_->Ctl({"network", "rm", "net"})).out, "net\n");
}

TEST_F(SwarmctlDockerTest, ShowsAndFollowsLogs) {
  Good(engine_->Ctl(Web({"--args", "sh,-c,echo one; echo two; echo three >&2; sleep 3600"})));
  const std::string node = engine_->Docker({"info", "--format", "{{.Name}}"}).out;
  const std::string prefix = "web.1@" + FirstLine(node) + "\u276f ";
  EXPECT_TRUE(Eventually([&] {
    const Finished logs = engine_->Ctl({"service", "logs", "web"});
    return logs.out == prefix + "one\n" + prefix + "two\n" && logs.err == prefix + "three\n";
  })) << engine_->Ctl({"service", "logs", "web"}).out;
  EXPECT_EQ(Good(engine_->Ctl({"task", "logs", "web.1", "--raw"})).out, "one\ntwo\n");
  const Finished tail = engine_->Ctl({"service", "logs", "web", "--raw", "--tail", "1"});
  EXPECT_THAT(tail.out + tail.err, testing::AnyOf("two\n", "three\n")) << "the engine reads both";
  EXPECT_EQ(Good(engine_->Ctl({"service", "logs", "web", "--since", "2100-01-01T00:00:00Z"})).out,
            "");
  EXPECT_THAT(engine_->Ctl({"service", "logs", "web", "-t", "--raw"}).out,
              testing::ContainsRegex("^20[0-9-]+T[0-9:.]+Z one\n"));

  const TemporaryFolder folder;
  Process follower({BuildDirectory() + "/bin/swarmctl", "-s", engine_->control_socket(), "service",
                    "logs", "-f", "web"},
                   folder / "log");
  EXPECT_TRUE(Eventually([&] {
    return ReadText(folder / "log").find(prefix + "two\n") != std::string::npos;
  })) << ReadText(folder / "log");
  EXPECT_TRUE(follower.running());
}

TEST_F(SwarmctlDockerTest, WaitsForJobsAndSeesTasksFail) {
  Good(engine_->Ctl({"service", "create", "--name", "job", "--image", "bb:1", "--mode",
                     "replicated-job", "--replicas", "2", "--args", "true", "--wait", "--timeout",
                     "50s"}));
  const Finished failed = engine_->Ctl(
      Web({"--args", "sh,-c,exit 3", "--restart-delay", "50ms", "--max-failures", "2"}));
  EXPECT_EQ(failed.code, 255);
  EXPECT_THAT(failed.err, HasSubstr("Error: service web does not converge: web.1 failed "));
  EXPECT_THAT(failed.err, HasSubstr("non-zero exit (3)"));
}

TEST_F(SwarmctlDockerTest, TasksAreShownAndRemoved) {
  Good(engine_->Ctl(Web({"--args", "sleep,3600", "--restart-delay", "100ms"})));
  const std::string id = FirstLine(engine_->Ctl({"task", "ls", "-q"}).out);
  EXPECT_THAT(engine_->Ctl({"task", "inspect", id}).out, HasSubstr("===> Task Parents\n"));
  EXPECT_THAT(engine_->Ctl({"task", "inspect", "web.1", "--format", "json"}).out,
              HasSubstr("\"id\": \"" + id + "\""));
  EXPECT_EQ(Good(engine_->Ctl({"task", "rm", id})).out, id + "\n");
  EXPECT_TRUE(Eventually([&id] {
    const std::string now = engine_->Ctl({"service", "ps", "web", "-q"}).out;
    return !now.empty() && FirstLine(now) != id;
  }));
}

TEST_F(SwarmctlDockerTest, TellsTheEnginesOtherSocketFromItsControlSocket) {
  const Finished wrong =
      Execute({BuildDirectory() + "/bin/swarmctl", "-s", engine_->socket(), "node", "ls"});
  EXPECT_EQ(wrong.code, 255);
  EXPECT_THAT(wrong.err, HasSubstr("its control socket is swarm/control.sock in its exec root"));
}

}  // namespace
}  // namespace swarm::test
