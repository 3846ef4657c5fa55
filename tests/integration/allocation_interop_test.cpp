// What our manager stores for networks, services, tasks and nodes, field by field against what a
// Docker Engine's own manager stores for the same commands.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "joined.h"
#include "support/cluster.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using nlohmann::json;
using namespace nlohmann::literals;

// One of the two clusters; each has one engine that runs tasks.
class Side {
 public:
  virtual ~Side() = default;
  virtual Finished Ctl(std::vector<std::string> arguments) = 0;
  virtual std::string log() = 0;

  std::string Good(const std::vector<std::string>& arguments) {
    const Finished done = Ctl(arguments);
    EXPECT_EQ(done.code, 0) << done.err << log();
    return done.out;
  }
  json Inspect(const std::string& kind, const std::string& name) {
    const std::string text = Good({kind, "inspect", name, "--format", "json"});
    json out = json::parse(text, nullptr, false);
    return out.is_array() && out.size() == 1 ? out[0] : out;
  }
};

class OurSide final : public Side {
 public:
  bool Begin() {
    if (!engine_.Start()) return false;
    const std::string address = engine_.outside_ip() + ":4242";
    manager_.ListenOn(address);
    if (!manager_.Start({"--executor", "process"})) return false;
    return engine_
               .Docker({"swarm", "join", "--token", JoinToken(manager_, "worker"),
                        "--advertise-addr", engine_.ip(), address})
               .code == 0;
  }
  std::string node() {
    std::string id = engine_.Docker({"info", "--format", "{{.Swarm.NodeID}}"}).out;
    return id.substr(0, id.find('\n'));
  }
  Finished Ctl(std::vector<std::string> arguments) override {
    return manager_.Ctl(std::move(arguments));
  }
  std::string log() override { return manager_.log() + engine_.log(); }

 private:
  DockerEngine engine_;
  Manager manager_;
};

class DockerSide final : public Side {
 public:
  bool Begin() {
    return engine_.Start() && engine_.Docker({"swarm", "init", "--advertise-addr", engine_.ip(),
                                              "--listen-addr", engine_.ip() + ":4242"})
                                      .code == 0;
  }
  std::string node() {
    std::string id = engine_.Docker({"info", "--format", "{{.Swarm.NodeID}}"}).out;
    return id.substr(0, id.find('\n'));
  }
  Finished Ctl(std::vector<std::string> arguments) override {
    arguments.insert(arguments.begin(), {BuildDirectory() + "/bin/swarmctl", "--socket",
                                         engine_.exec_root() + "/swarm/control.sock"});
    return Execute(arguments);
  }
  std::string log() override { return engine_.log(); }

 private:
  DockerEngine engine_;
};

// Without ids, versions and times, which differ from cluster to cluster.
json Comparable(json value) {
  if (value.is_object()) {
    value.erase("meta");
    for (auto& [key, inner] : value.items()) inner = Comparable(inner);
  } else if (value.is_array()) {
    for (auto& inner : value) inner = Comparable(inner);
  } else if (value.is_string()) {
    static const std::regex kId("^[0-9a-z]{25}$");
    if (std::regex_match(value.get<std::string>(), kId)) value = "ID";
  }
  return value;
}

// In an order of their own: a Docker manager stores them as a map gives them.
json Sorted(json list) {
  if (list.is_array()) {
    std::sort(list.begin(), list.end(),
              [](const json& a, const json& b) { return a.dump() < b.dump(); });
  }
  return list;
}

class AllocationInteropTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    ASSERT_TRUE(ours_.Begin()) << ours_.log();
    ASSERT_TRUE(docker_.Begin()) << docker_.log();
  }
  void Both(const std::vector<std::string>& arguments) {
    ours_.Good(arguments);
    docker_.Good(arguments);
  }
  void CreateService(const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"service", "create",         "--name", name,
                                          "--image", "busybox:latest", "--args", "serve"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Both(arguments);
  }
  // Until both say so of the object; what they then say.
  std::pair<json, json> Both(const std::string& kind, const std::string& name,
                             const std::function<bool(const json&)>& complete) {
    std::pair<json, json> out;
    for (auto [side, to] : {std::pair<Side*, json*>(&ours_, &out.first),
                            std::pair<Side*, json*>(&docker_, &out.second)}) {
      EXPECT_TRUE(Eventually([&, side = side, to = to] {
        *to = side->Inspect(kind, name);
        return complete(*to);
      })) << kind
          << " " << name << ": " << to->dump(1) << side->log();
      *to = Comparable(*to);
    }
    return out;
  }
  // A field that may be absent, but then on both sides.
  static void ExpectSame(const json& ours, const json& docker, const std::string& field) {
    const json a = ours.value(field, json());
    const json b = docker.value(field, json());
    EXPECT_EQ(a, b) << field << ", from Docker's to ours: " << json::diff(b, a).dump(1);
  }
  void ExpectSameNetwork(const std::string& name) {
    const auto [ours, docker] =
        Both("network", name, [](const json& n) { return n.contains("driver_state"); });
    EXPECT_EQ(ours, docker) << json::diff(docker, ours).dump(1);
  }
  void ExpectSameEndpoint(const std::string& name) {
    const auto [ours, docker] =
        Both("service", name, [](const json& s) { return s.contains("spec"); });
    ExpectSame(ours, docker, "endpoint");
  }
  void ExpectSameTask(const std::string& name) {
    const auto [ours, docker] = Both("task", name, [](const json& t) {
      return t.value("/status/state"_json_pointer, "") == "RUNNING";
    });
    ExpectSame(ours, docker, "networks");
    ExpectSame(ours, docker, "endpoint");
  }

  OurSide ours_;
  DockerSide docker_;
};

TEST_F(AllocationInteropTest, TheSameIsStoredAsByADockerManager) {
  for (const char* name : {"ingress", "bridge", "host"}) ExpectSameNetwork(name);

  Both({"network", "create", "--name", "plain", "--driver", "overlay"});
  ExpectSameNetwork("plain");
  Both({"network", "create", "--name", "chosen", "--driver", "overlay", "--opts",
        "com.docker.network.driver.mtu=1400", "--subnet", "10.77.0.0/16", "--gateway", "10.77.0.9",
        "--ip-range", "10.77.4.0/24", "--attachable", "--internal"});
  ExpectSameNetwork("chosen");

  CreateService("vip", {"--network", "plain"});
  ExpectSameTask("vip.1");
  ExpectSameEndpoint("vip");
  CreateService("dns", {"--network", "chosen", "--endpoint-mode", "dnsrr"});
  ExpectSameTask("dns.1");
  ExpectSameEndpoint("dns");
  CreateService("mesh", {"--network", "plain", "--ports", "a:80:8080", "--ports", "b:81"});
  ExpectSameTask("mesh.1");
  ExpectSameEndpoint("mesh");
  CreateService("host", {"--ports", "a:80:8090", "--publish-mode", "host"});
  ExpectSameTask("host.1");
  ExpectSameEndpoint("host");

  const auto ours = Comparable(ours_.Inspect("node", ours_.node()));
  const auto docker = Comparable(docker_.Inspect("node", docker_.node()));
  const json our_list = Sorted(ours.value("attachments", json()));
  const json docker_list = Sorted(docker.value("attachments", json()));
  EXPECT_EQ(our_list.size(), 3u);
  EXPECT_EQ(our_list, docker_list) << json::diff(docker_list, our_list).dump(1);
}

}  // namespace
}  // namespace swarm::test
