// Every flag of `service create` and `service update`, and what it makes of the service's spec.
#include <google/protobuf/util/message_differencer.h>

#include "fake_manager.h"
#include "objects.h"

namespace swarm::ctl {
namespace {

struct FlagCase {
  std::vector<std::string> flags;
  const char* spec;  // as text, without what every service has
};

class ServiceFlagsTest : public CommandTest {
 protected:
  void SetUp() override {
    pb::CreateServiceResponse created;
    created.mutable_service()->set_id("id");
    Answer("CreateService", created);
    pb::UpdateServiceResponse updated;
    updated.mutable_service()->set_id("id");
    Answer("UpdateService", updated);
    pb::GetNetworkResponse network;
    network.mutable_network()->set_id("nid");
    Answer("GetNetwork", network);
    Answer("ListSecrets", Make<pb::ListSecretsResponse>(R"(secrets { id: "sid" })"));
    Answer("ListConfigs", Make<pb::ListConfigsResponse>(R"(configs { id: "cid" })"));
  }
  std::string CreateError(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"service", "create", "--name", "n", "--image", "i"});
    const std::string err = Run(flags).err;
    return err.substr(0, err.find('\n'));
  }
};

const std::vector<FlagCase>& CreateCases() {
  static const std::vector<FlagCase> cases = {
      {{"--label", " a = b ,c=d"},
       R"(annotations { labels { key: "a" value: "b" } labels { key: "c" value: "d" } })"},
      {{"--replicas", "3"}, "replicated { replicas: 3 }"},
      {{"--mode", "global"}, "global {}"},
      {{"--mode", "replicated-job", "--replicas", "4"},
       "replicated_job { total_completions: 4 max_concurrent: 4 } task { restart { condition: "
       "ON_FAILURE } }"},
      {{"--mode", "replicated-job", "--replicas", "4", "--max-concurrent", "2"},
       "replicated_job { total_completions: 4 max_concurrent: 2 } task { restart { condition: "
       "ON_FAILURE } }"},
      {{"--mode", "global-job"}, "global_job {} task { restart { condition: ON_FAILURE } }"},
      {{"--replicas-max-per-node", "2"}, "task { placement { max_replicas: 2 } }"},
      {{"--hostname", "h"}, R"(task { container { hostname: "h" } })"},
      {{"--command", "a,b"}, R"(task { container { command: "a" command: "b" } })"},
      {{"--args", "a", "--args", "\"b,c\""}, R"(task { container { args: "a" args: "b,c" } })"},
      {{"--env", "A=1,B=2"}, R"(task { container { env: "A=1" env: "B=2" } })"},
      {{"--container-label", "a=b"}, R"(task { container { labels { key: "a" value: "b" } } })"},
      {{"--dir", "/d"}, R"(task { container { dir: "/d" } })"},
      {{"--user", "u:g"}, R"(task { container { user: "u:g" } })"},
      {{"--group", "g1,g2"}, R"(task { container { groups: "g1" groups: "g2" } })"},
      {{"--tty"}, "task { container { tty: true } }"},
      {{"--open-stdin"}, "task { container { open_stdin: true } }"},
      {{"--read-only"}, "task { container { read_only: true } }"},
      {{"--init"}, "task { container { init { value: true } } }"},
      {{"--init=false"}, "task { container { init {} } }"},
      {{"--stop-signal", "SIGINT"}, R"(task { container { stop_signal: "SIGINT" } })"},
      {{"--stop-grace-period", "1m30s"},
       "task { container { stop_grace_period { seconds: 90 } } }"},
      {{"--isolation", "process"}, "task { container { isolation: ISOLATION_PROCESS } }"},
      {{"--add-capability", "CAP_A"}, R"(task { container { capability_add: "CAP_A" } })"},
      {{"--rm-capability", "CAP_A"}, R"(task { container { capability_drop: "CAP_A" } })"},
      {{"--sysctl", "a.b=1"}, R"(task { container { sysctls { key: "a.b" value: "1" } } })"},
      {{"--pids-limit", "9"}, "task { container { pidsLimit: 9 } }"},
      {{"--oom-score-adj", "-5"}, "task { container { oom_score_adj: -5 } }"},
      {{"--health-cmd", "true", "--health-interval", "2s", "--health-timeout", "1s",
        "--health-retries", "3", "--health-start-period", "5s"},
       R"(task { container { healthcheck { test: "CMD-SHELL" test: "true" retries: 3
          interval { seconds: 2 } timeout { seconds: 1 } start_period { seconds: 5 } } } })"},
      {{"--no-healthcheck"}, R"(task { container { healthcheck { test: "NONE" } } })"},
      {{"--ports", "http:80/tcp:8080,dns:53/udp:5353/udp"},
       R"(endpoint {
          ports { name: "http" target_port: 80 published_port: 8080 publish_mode: HOST }
          ports { name: "dns" protocol: UDP target_port: 53 published_port: 5353
                  publish_mode: HOST } })"},
      {{"--ports", "http:80:8080", "--publish-mode", "ingress"},
       R"(endpoint { ports { name: "http" target_port: 80 published_port: 8080 } })"},
      {{"--endpoint-mode", "dnsrr"}, "endpoint { mode: DNSRR }"},
      {{"--network", "net"}, R"(task { networks { target: "nid" } })"},
      {{"--host", "10.0.0.1 db"}, R"(task { container { hosts: "10.0.0.1 db" } })"},
      {{"--dns", "1.1.1.1", "--dns-search", "x", "--dns-option", "rotate"},
       R"(task { container { dns_config { nameservers: "1.1.1.1" search: "x" options: "rotate" } } })"},
      {{"--memory-reservation", "32m"},
       "task { resources { reservations { memory_bytes: 33554432 } } }"},
      {{"--memory-limit", "1g"}, "task { resources { limits { memory_bytes: 1073741824 } } }"},
      {{"--memory-swap", "64m"}, "task { resources { swap_bytes { value: 67108864 } } }"},
      {{"--memory-swap=-1"}, "task { resources { swap_bytes { value: -1 } } }"},
      {{"--memory-swappiness", "7"}, "task { resources { memory_swappiness { value: 7 } } }"},
      {{"--cpu-reservation", "0.5"},
       "task { resources { reservations { nano_cpus: 500000000 } } }"},
      {{"--cpu-limit", "3/2"}, "task { resources { limits { nano_cpus: 1500000000 } } }"},
      {{"--generic-resources", "gpu=3,fpga=1"},
       R"(task { resources { reservations {
          generic { discrete_resource_spec { kind: "gpu" value: 3 } }
          generic { discrete_resource_spec { kind: "fpga" value: 1 } } } } })"},
      {{"--ulimit", "nofile=10:20"},
       R"(task { container { ulimits { name: "nofile" soft: 10 hard: 20 } } })"},
      {{"--update-parallelism", "2"}, "update { parallelism: 2 }"},
      {{"--update-delay", "2s"}, "update { delay { seconds: 2 } }"},
      {{"--update-on-failure", "rollback"}, "update { failure_action: ROLLBACK }"},
      {{"--update-order", "start-first"}, "update { order: START_FIRST }"},
      {{"--update-monitor", "9s"}, "update { monitor { seconds: 9 } }"},
      {{"--update-max-failure-ratio", "0.5"}, "update { max_failure_ratio: 0.5 }"},
      {{"--rollback-parallelism", "2"}, "rollback { parallelism: 2 }"},
      {{"--rollback-delay", "2s"}, "rollback { delay { seconds: 2 } }"},
      {{"--rollback-on-failure", "continue"}, "rollback { failure_action: CONTINUE }"},
      {{"--rollback-order", "start-first"}, "rollback { order: START_FIRST }"},
      {{"--rollback-monitor", "9s"}, "rollback { monitor { seconds: 9 } }"},
      {{"--rollback-max-failure-ratio", "1"}, "rollback { max_failure_ratio: 1 }"},
      {{"--restart-condition", "failure"}, "task { restart { condition: ON_FAILURE } }"},
      {{"--restart-delay", "500ms"}, "task { restart { delay { nanos: 500000000 } } }"},
      {{"--restart-max-attempts", "3"}, "task { restart { max_attempts: 3 } }"},
      {{"--restart-window", "1m"}, "task { restart { window { seconds: 60 } } }"},
      {{"--constraint", "node.role==manager"},
       R"(task { placement { constraints: "node.role==manager" } })"},
      {{"--placement-pref", "spread=node.labels.rack"},
       R"(task { placement { preferences { spread { spread_descriptor: "node.labels.rack" } } } })"},
      {{"--platform", "linux/amd64"},
       R"(task { placement { platforms { os: "linux" architecture: "amd64" } } })"},
      {{"--bind", "/a:/b"},
       R"(task { container { mounts { type: BIND source: "/a" target: "/b" } } })"},
      {{"--volume", "/v"}, R"(task { container { mounts { type: VOLUME target: "/v" } } })"},
      {{"--tmpfs", "\"/t:size=1m,mode=755,ro,noexec\""},
       R"(task { container { mounts { type: TMPFS target: "/t" readonly: true
          tmpfs_options { size_bytes: 1048576 mode: 493 options: "noexec" } } } })"},
      {{"--npipe", "a:b"},
       R"(task { container { mounts { type: NPIPE source: "a" target: "b" } } })"},
      {{"--mount", "type=volume,source=v,target=/v,readonly,volume-driver=d,volume-opt=a=b"},
       R"(task { container { mounts { type: VOLUME source: "v" target: "/v" readonly: true
          volume_options { driver_config { name: "d" options { key: "a" value: "b" } } } } } })"},
      {{"--mount", "type=bind,src=/a,dst=/b,bind-propagation=rslave"},
       R"(task { container { mounts { type: BIND source: "/a" target: "/b"
          bind_options { propagation: RSLAVE } } } })"},
      {{"--secret", "pw:target"},
       R"(task { container { secrets { secret_id: "sid" secret_name: "pw"
          file { name: "target" uid: "0" gid: "0" mode: 292 } } } })"},
      {{"--config", "app"},
       R"(task { container { configs { config_id: "cid" config_name: "app"
          file { name: "app" uid: "0" gid: "0" mode: 292 } } } })"},
      {{"--log-driver", "syslog", "--log-opt", "a=b,c"},
       R"(task { log_driver { name: "syslog" options { key: "a" value: "b" }
          options { key: "c" value: "" } } })"},
  };
  return cases;
}

TEST_F(ServiceFlagsTest, CreateMakesOfEachFlagItsField) {
  for (const FlagCase& c : CreateCases()) {
    std::vector<std::string> line = {"service", "create", "--name", "n", "--image", "i"};
    line.insert(line.end(), c.flags.begin(), c.flags.end());
    const Outcome outcome = Run(line);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    auto want = Make<pb::ServiceSpec>(
        R"(annotations { name: "n" } replicated { replicas: 1 }
           task { container { image: "i" } restart { condition: ANY } })");
    want.MergeFrom(Make<pb::ServiceSpec>(c.spec));
    const auto got = Request<pb::CreateServiceRequest>("CreateService").spec();
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(got, want))
        << testing::PrintToString(c.flags) << "\n"
        << got.DebugString();
  }
}

// No flag of the command is missing above.
TEST_F(ServiceFlagsTest, TheTableNamesEveryFlagOfCreate) {
  const std::string help = Run({"service", "create", "--help"}).out;
  std::set<std::string> tried = {"name",         "image",      "help",   "format", "wait",
                                 "max-failures", "no-resolve", "socket", "timeout"};
  for (const FlagCase& c : CreateCases()) {
    for (const std::string& word : c.flags) {
      if (word.starts_with("--")) tried.insert(word.substr(2, word.find('=') - 2));
    }
  }
  std::istringstream lines(help.substr(help.find("\nFlags:\n")));
  for (std::string line; std::getline(lines, line);) {
    const auto dashes = line.find("--");
    if (dashes == std::string::npos || dashes > 6) continue;
    const std::string name = line.substr(dashes + 2, line.find(' ', dashes) - dashes - 2);
    EXPECT_TRUE(tried.contains(name)) << name;
  }
}

TEST_F(ServiceFlagsTest, UpdateChangesWhatItNames) {
  const std::vector<FlagCase> cases = {
      {{"--add-capability", "A"}, R"(capability_add: "B" capability_add: "A")"},
      {{"--rm-capability", "B"}, R"(capability_drop: "A" capability_drop: "B")"},
      {{"--rm-mount", "/m"}, R"(capability_add: "B" capability_drop: "A")"},
      {{"--rm-secret", "s,unknown"}, R"(capability_add: "B" capability_drop: "A")"},
      {{"--rm-config", "c"}, R"(capability_add: "B" capability_drop: "A")"},
  };
  const auto before = Make<pb::GetServiceResponse>(R"(service {
    id: "id"
    spec { task { force_update: 4 restart {} container {
      image: "i" capability_add: "B" capability_drop: "A"
      mounts { type: VOLUME target: "/m" }
      secrets { secret_name: "s" } configs { config_name: "c" } } } } })");
  Answer("GetService", before);
  const auto updated = [this](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"service", "update", "id"});
    EXPECT_EQ(Run(flags).out, "id\n") << testing::PrintToString(flags);
    return Request<pb::UpdateServiceRequest>("UpdateService").spec().task();
  };
  for (const FlagCase& c : cases) {
    const auto container = updated(c.flags).container();
    const auto want = Make<pb::ContainerSpec>(c.spec);
    EXPECT_EQ(std::vector<std::string>(container.capability_add().begin(),
                                       container.capability_add().end()),
              std::vector<std::string>(want.capability_add().begin(), want.capability_add().end()));
    EXPECT_EQ(
        std::vector<std::string>(container.capability_drop().begin(),
                                 container.capability_drop().end()),
        std::vector<std::string>(want.capability_drop().begin(), want.capability_drop().end()));
  }
  EXPECT_EQ(updated({"--rm-mount", "/m"}).container().mounts_size(), 0);
  EXPECT_EQ(updated({"--rm-secret", "s"}).container().secrets_size(), 0);
  EXPECT_EQ(updated({"--rm-config", "c"}).container().configs_size(), 0);
  EXPECT_EQ(updated({"--add-secret", "x"}).container().secrets(1).secret_id(), "sid");
  EXPECT_EQ(updated({"--add-config", "x"}).container().configs(1).config_id(), "cid");
  EXPECT_EQ(updated({"--force"}).force_update(), 5U);
  EXPECT_EQ(updated({"--volume", "/w"}).container().mounts_size(), 2) << "mounts are added";
}

TEST_F(ServiceFlagsTest, WordsMistakesAsKnown) {
  EXPECT_EQ(CreateError({"--label", "a"}), "Error: malformed label: a");
  EXPECT_EQ(CreateError({"--mode", "global", "--replicas", "2"}),
            "Error: --replicas can only be specified in --mode replicated");
  EXPECT_EQ(CreateError({"--mode", "global", "--replicas-max-per-node", "2"}),
            "Error: --replicas-max-per-node can only be specified in --mode replicated");
  EXPECT_EQ(CreateError({"--mode", "gobal"}),
            "Error: --mode must be replicated, global, replicated-job or global-job: gobal");
  EXPECT_EQ(CreateError({"--update-on-failure", "x"}),
            "Error: --update-on-failure value must be pause or continue");
  EXPECT_EQ(CreateError({"--update-order", "x"}),
            "Error: --update-order value must be stop-first or start-first");
  EXPECT_EQ(CreateError({"--restart-condition", "x"}), "Error: invalid restart condition: x");
  EXPECT_EQ(CreateError({"--bind", "a"}), "Error: bind format \"a\" not supported");
  EXPECT_EQ(CreateError({"--volume", "a:b"}), "Error: volume format \"a:b\" not supported");
  EXPECT_EQ(CreateError({"--tmpfs", "/t:bogus"}), "Error: unsupported flag");
  EXPECT_EQ(CreateError({"--tmpfs", "/t:size=x"}), "Error: invalid size format: size=x");
  EXPECT_EQ(CreateError({"--mount", "type=volume"}), "Error: a mount needs a target: type=volume");
  EXPECT_EQ(CreateError({"--mount", "type=pipe,dst=/a"}), "Error: invalid value for type: pipe");
  EXPECT_EQ(CreateError({"--generic-resources", "gpu=x"}),
            "Error: invalid argument for resource gpu");
  EXPECT_EQ(CreateError({"--update-max-failure-ratio", "2"}),
            "Error: --update-max-failure-ratio must be a number from 0 to 1: 2");
  Answer("ListSecrets", pb::ListSecretsResponse());
  EXPECT_EQ(CreateError({"--secret", "x"}), "Error: secret not found: x");
  EXPECT_EQ(CreateError({"--secret", ":x"}), "Error: invalid secret name provided");
  EXPECT_EQ(CreateError({"--secret", "x:"}), "Error: invalid presentation name provided");
}

}  // namespace
}  // namespace swarm::ctl
