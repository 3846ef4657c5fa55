// Two stock Docker Engines, workers of our manager: their containers find each other on an overlay
// network though nothing of ours listens on the engines' gossip port.
#include <gmock/gmock.h>
#include <signal.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <thread>

#include "joined.h"
#include "support/cluster.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;

// What users are promised; a machine that is busy with other tests as well may take longer.
std::chrono::milliseconds Soon() {
  double load = 0;
  getloadavg(&load, 1);
  return load > 1.5 * std::thread::hardware_concurrency() ? 90s : 30s;
}

class OverlayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    for (auto& engine : engines_) {
      engine = std::make_unique<DockerEngine>();
      ASSERT_TRUE(engine->Start()) << engine->log();
    }
    ASSERT_TRUE(engines_[0]->ConnectTo(*engines_[1]));
    manager_.ListenOn(Address());
    ASSERT_TRUE(StartManager()) << manager_.log();
  }
  std::string Address() const { return engines_[0]->outside_ip() + ":4242"; }
  // Keys between nodes change again and again meanwhile.
  bool StartManager() {
    return manager_.StartWithConfig(
        "plugins:\n  path: [" + BuildDirectory() +
        "/plugins]\n  executor: [{use: process, default: true}]\n  components: [{use: "
        "orchestrator}, "
        "{use: scheduler}, {use: allocator}, {use: keymanager, rotation: 20s}, {use: gossip, "
        "interval: 5s}, {use: logbroker}]\n");
  }
  void Join(DockerEngine& engine) {
    const Finished joined =
        engine.Docker({"swarm", "join", "--token", JoinToken(manager_, "worker"),
                       "--advertise-addr", engine.ip(), Address()});
    ASSERT_EQ(joined.code, 0) << joined.err << manager_.log();
  }
  void Good(const std::vector<std::string>& arguments) {
    const Finished done = manager_.Ctl(arguments);
    EXPECT_EQ(done.code, 0) << done.err;
  }
  void CreateService(const std::string& name, const std::string& mode) {
    Good({"service", "create", "--name", name, "--image", "busybox:latest", "--replicas", "2",
          "--replicas-max-per-node", "1", "--network", "back", "--endpoint-mode", mode,
          "--restart-delay", "100ms", "--args", "serve"});
  }
  static std::set<std::string> Containers(DockerEngine& engine, const std::string& service) {
    std::set<std::string> ids;
    for (const auto& c : engine.Containers({"com.docker.swarm.service.name=" + service})) {
      if (c["State"] == "running") ids.insert(c["Id"]);
    }
    return ids;
  }
  bool Runs(const std::string& service) {
    return Eventually(
        [&] {
          return Containers(*engines_[0], service).size() == 1 &&
                 Containers(*engines_[1], service).size() == 1;
        },
        60s);
  }
  std::string AddressOn(DockerEngine& engine, const std::string& service) {
    const auto ids = Containers(engine, service);
    if (ids.size() != 1) return "";
    std::string out =
        engine
            .Docker({"inspect", "--format",
                     "{{(index .NetworkSettings.Networks \"back\").IPAddress}}", *ids.begin()})
            .out;
    return out.substr(0, out.find('\n'));
  }
  static Finished Exec(DockerEngine& engine, const std::string& service,
                       const std::vector<std::string>& command) {
    const auto ids = Containers(engine, service);
    if (ids.size() != 1) return {};
    std::vector<std::string> argv = {"exec", *ids.begin()};
    argv.insert(argv.end(), command.begin(), command.end());
    return engine.Docker(argv);
  }
  // From each engine's container: the other's address answers, and the name leads to both.
  bool FindEachOther(const std::string& service, const std::string& name) {
    const std::string addresses[] = {AddressOn(*engines_[0], service),
                                     AddressOn(*engines_[1], service)};
    for (int i = 0; i < 2; ++i) {
      DockerEngine& engine = *engines_[i];
      if (addresses[i].empty()) return false;
      if (Exec(engine, service, {"ping", "-c", "1", "-W", "1", addresses[1 - i]}).code != 0) {
        return false;
      }
      const std::string found = Exec(engine, service, {"nslookup", name, "127.0.0.11"}).out;
      for (const std::string& address : addresses) {
        if (found.find(address) == std::string::npos) return false;
      }
    }
    return true;
  }
  // `since`: the event after which they have so long.
  bool FindEachOtherSoon(const std::string& service, const std::string& name,
                         std::chrono::steady_clock::time_point since) {
    const auto passed = [since] {
      return std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - since);
    };
    const bool found = Eventually([&] { return FindEachOther(service, name); }, Soon() - passed());
    std::cout << name << ": found after " << passed().count() << " ms" << std::endl;
    return found;
  }
  bool FindEachOtherSoon(const std::string& service, const std::string& name) {
    return FindEachOtherSoon(service, name, std::chrono::steady_clock::now());
  }
  std::string Logs() {
    return manager_.log() + "\n--- engine 0\n" + engines_[0]->log() + "\n--- engine 1\n" +
           engines_[1]->log();
  }

  std::unique_ptr<DockerEngine> engines_[2];
  Manager manager_;
};

TEST_F(OverlayTest, ContainersOnDifferentEnginesFindEachOther) {
  Join(*engines_[0]);
  Good({"network", "create", "--name", "back", "--driver", "overlay"});
  const auto joined = std::chrono::steady_clock::now();
  Join(*engines_[1]);
  CreateService("web", "dnsrr");
  ASSERT_TRUE(Runs("web")) << manager_.Ctl({"task", "ls", "--all"}).out << Logs();
  EXPECT_TRUE(FindEachOtherSoon("web", "web", joined)) << Logs();
  EXPECT_TRUE(FindEachOtherSoon("web", "tasks.web")) << Logs();
  EXPECT_THAT(manager_.log(), HasSubstr("introducing engines to each other"))
      << "they met without help: this test shows nothing";

  // A new service on engines that know each other, behind a virtual address.
  CreateService("vip", "vip");
  ASSERT_TRUE(Runs("vip")) << manager_.Ctl({"task", "ls", "--all"}).out << Logs();
  EXPECT_TRUE(FindEachOtherSoon("vip", "tasks.vip")) << Logs();

  // The manager's restart changes nothing.
  const auto before = Containers(*engines_[1], "web");
  manager_.process().Signal(SIGTERM);
  ASSERT_EQ(manager_.process().Wait(), 0);
  ASSERT_TRUE(StartManager()) << manager_.log();
  EXPECT_TRUE(FindEachOtherSoon("web", "web")) << Logs();
  EXPECT_EQ(Containers(*engines_[1], "web"), before);

  // Keys were changed meanwhile, and are changed once more.
  const std::size_t from = manager_.log().size();
  EXPECT_TRUE(Eventually(
      [&] { return manager_.log().find("network keys rotated", from) != std::string::npos; }, 60s));
  EXPECT_TRUE(FindEachOtherSoon("web", "web")) << Logs();

  // An engine that comes back has forgotten everything.
  engines_[1]->Stop();
  ASSERT_TRUE(engines_[1]->Start()) << engines_[1]->log();
  ASSERT_TRUE(Eventually([&] { return Containers(*engines_[1], "web").size() == 1; }, 90s))
      << manager_.Ctl({"task", "ls", "--all"}).out << Logs();
  EXPECT_TRUE(FindEachOtherSoon("web", "web")) << Logs();
  EXPECT_EQ(manager_.log().find("engines do not find each other"), std::string::npos);
}

// A container that no service made joins a network of the cluster and leaves it again.
TEST_F(OverlayTest, AContainerOutsideOfServicesMayJoinANetwork) {
  for (auto& engine : engines_) Join(*engine);
  Good({"network", "create", "--name", "back", "--driver", "overlay", "--attachable"});
  Good({"network", "create", "--name", "closed", "--driver", "overlay"});
  CreateService("web", "dnsrr");
  ASSERT_TRUE(Runs("web")) << manager_.Ctl({"task", "ls", "--all"}).out << Logs();
  DockerEngine& engine = *engines_[0];
  const auto run = [&](const std::string& network) {
    return engine.Docker(
        {"run", "--detach", "--name", "lone", "--network", network, "busybox:latest", "serve"});
  };
  const Finished started = run("back");
  ASSERT_EQ(started.code, 0) << started.err << Logs();
  const std::string there = AddressOn(*engines_[1], "web");
  EXPECT_TRUE(Eventually(
      [&] {
        return engine.Docker({"exec", "lone", "ping", "-c", "1", "-W", "1", there}).code == 0;
      },
      Soon()))
      << Logs();
  EXPECT_THAT(engine.Docker({"exec", "lone", "nslookup", "tasks.web", "127.0.0.11"}).out,
              HasSubstr(there));
  const auto attachments = [&] {
    const std::string tasks = manager_.Ctl({"task", "ls", "--format", "json"}).out;
    std::size_t count = 0;
    for (auto at = tasks.find("\"attachment\""); at != std::string::npos;
         at = tasks.find("\"attachment\"", at + 1)) {
      ++count;
    }
    return count;
  };
  EXPECT_TRUE(Eventually([&] { return attachments() == 1; }))
      << manager_.Ctl({"task", "ls", "--format", "json"}).out;
  EXPECT_EQ(engine.Docker({"rm", "--force", "lone"}).code, 0);
  EXPECT_TRUE(Eventually([&] { return attachments() == 0; }))
      << manager_.Ctl({"task", "ls", "--format", "json"}).out << Logs();
  EXPECT_THAT(run("closed").err, HasSubstr("not manually attachable"));
}

constexpr const char* kGet = "printf 'GET /version HTTP/1.0\\r\\n\\r\\n'";

// Whether the web server in a container answers at an engine's address.
bool Answers(const DockerEngine& engine, int port) {
  const std::string there = engine.ip() + "/" + std::to_string(port);
  return Execute({"timeout", "3", "bash", "-c",
                  "exec 3<>/dev/tcp/" + there + " && " + kGet + " >&3 && cat <&3"})
      .out.ends_with("\r\n\r\n1\n");
}

TEST_F(OverlayTest, PortsInHostModeAnswer) {
  for (auto& engine : engines_) Join(*engine);
  Good({"service", "create", "--name", "web", "--image", "busybox:latest", "--replicas", "2",
        "--constraint", "node.role==worker", "--replicas-max-per-node", "1", "--publish-mode",
        "host", "--ports", "http:80:8090", "--args", "httpd,-f,-p,80,-h,/"});
  for (auto& engine : engines_) {
    EXPECT_TRUE(Eventually([&] { return Answers(*engine, 8090); }, Soon()))
        << manager_.Ctl({"task", "ls", "--all"}).out << Logs();
  }
}

// Whether the kernel can balance load: engines need it for virtual IPs and the ingress mesh.
bool HasIpvs() {
  return Execute({"sh", "-c", "test -e /proc/net/ip_vs || modprobe ip_vs 2>/dev/null"}).code == 0;
}

TEST_F(OverlayTest, TheMeshAndVirtualIpsCarryTraffic) {
  if (!HasIpvs()) {
    GTEST_SKIP() << "not possible on this kernel: it has no IPVS, with which engines balance load";
  }
  for (auto& engine : engines_) Join(*engine);
  Good({"network", "create", "--name", "back", "--driver", "overlay"});
  Good({"service", "create", "--name", "web", "--image", "busybox:latest", "--replicas", "1",
        "--network", "back", "--ports", "http:80:8080", "--args", "httpd,-f,-p,80,-h,/"});
  // Also where no task of it runs.
  for (auto& engine : engines_) {
    EXPECT_TRUE(Eventually([&] { return Answers(*engine, 8080); }, Soon())) << Logs();
  }
  CreateService("client", "dnsrr");
  ASSERT_TRUE(Runs("client")) << manager_.Ctl({"task", "ls", "--all"}).out << Logs();
  for (auto& engine : engines_) {
    EXPECT_TRUE(Eventually(
        [&] {
          return Exec(*engine, "client", {"sh", "-c", std::string(kGet) + " | nc -w 2 web 80"})
              .out.ends_with("\r\n\r\n1\n");
        },
        Soon()))
        << Logs();
  }
}

}  // namespace
}  // namespace swarm::test
