// A task as the engine is told it: every field of it, and what cannot be.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "create_body.h"
#include "image_reference.h"
#include "names.h"
#include "networking.h"
#include "spec_check.h"

namespace swarm::executor_docker {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

pb::Task TaskOf(const std::string& text) {
  pb::Task task;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &task)) << text;
  return task;
}

pb::Task ContainerTask(const std::string& container) {
  return TaskOf(
      "id: 'tid' slot: 2 node_id: 'nid' service_id: 'sid' "
      "service_annotations {name: 'web'} spec {container {image: 'busybox' " +
      container + "}}");
}

json BodyOf(const pb::Task& task, const CreateContext& context = {}) {
  const auto checked = CheckTask(task);
  EXPECT_TRUE(checked.ok()) << checked;
  auto body = CreateBody(task, context);
  EXPECT_TRUE(body.ok()) << body.status();
  return body.ok() ? *body : json();
}

json HostOf(const std::string& container) { return BodyOf(ContainerTask(container))["HostConfig"]; }

std::string ErrorOf(const std::string& container) {
  const pb::Task task = ContainerTask(container);
  const Status checked = CheckTask(task);
  if (!checked.ok()) return checked.message();
  return CreateBody(task, {}).status().message();
}

// --- everything at once ---

std::string SourceFile(const std::string& name) {
  const char* root = std::getenv("SWARM_SOURCE_DIR");
  return std::string(root ? root : ".") + "/plugins/executor-docker/tests/" + name;
}

std::string ReadSource(const std::string& name) {
  std::ifstream in(SourceFile(name));
  return {std::istreambuf_iterator<char>(in), {}};
}

// SWARM_REWRITE_GOLDEN=1 accepts what is made now.
TEST(TranslationTest, EveryFieldReachesTheEngine) {
  const pb::Task task = TaskOf(ReadSource("every_field.textproto"));
  CreateContext context;
  context.api = {1, 47};
  context.files = {{"/run/swarmd/docker/nid/tid/0", "/run/secrets/key"}};
  const std::string made = BodyOf(task, context).dump(2) + "\n";
  if (std::getenv("SWARM_REWRITE_GOLDEN")) std::ofstream(SourceFile("every_field.json")) << made;
  EXPECT_EQ(made, ReadSource("every_field.json"));
}

TEST(TranslationTest, APlainTaskSaysNoMoreThanItMust) {
  const json body = BodyOf(ContainerTask(""));
  EXPECT_EQ(body["Image"], "busybox");
  EXPECT_EQ(body["HostConfig"], json::object());
  EXPECT_EQ(body.size(), 3u) << body;
}

// --- names and labels ---

TEST(TranslationTest, NamesTheContainerAfterItsPlace) {
  pb::Task task = ContainerTask("");
  EXPECT_EQ(ContainerName(task), "web.2.tid");
  task.set_slot(0);
  EXPECT_EQ(ContainerName(task), "web.nid.tid");
  task.mutable_annotations()->set_name("own");
  EXPECT_EQ(ContainerName(task), "own");
}

// Pinned by SwarmKit.
TEST(TranslationTest, SystemLabelsWinOverTheUsers) {
  pb::Task task = ContainerTask(
      "labels {key: 'com.docker.swarm.task.id' value: 'forged'} labels {key: 'a' value: '1'}");
  (*task.mutable_annotations()->mutable_labels())["a"] = "2";
  const auto labels = ContainerLabels(task);
  EXPECT_EQ(labels.at("com.docker.swarm.task.id"), "tid");
  EXPECT_EQ(labels.at("com.docker.swarm.task"), "");
  EXPECT_EQ(labels.at("com.docker.swarm.task.name"), "web.2.tid");
  EXPECT_EQ(labels.at("com.docker.swarm.node.id"), "nid");
  EXPECT_EQ(labels.at("com.docker.swarm.service.id"), "sid");
  EXPECT_EQ(labels.at("com.docker.swarm.service.name"), "web");
  EXPECT_EQ(labels.at("a"), "2");
}

TEST(TranslationTest, TakesImageNamesApart) {
  const auto parts = [](const char* text) {
    const ImageReference r = ParseImage(text);
    return r.is_id ? "id " + r.name : r.name + " " + r.selector();
  };
  const std::string digest = "sha256:" + std::string(64, 'a');
  EXPECT_EQ(parts("busybox"), "busybox latest");
  EXPECT_EQ(parts("docker.io/library/busybox:1"), "busybox 1");
  EXPECT_EQ(parts("docker.io/team/app"), "team/app latest");
  EXPECT_EQ(parts("host:5000/app"), "host:5000/app latest");
  EXPECT_EQ(parts("host:5000/app:v2"), "host:5000/app v2");
  EXPECT_EQ(parts(("app:v2@" + digest).c_str()), "app " + digest);
  EXPECT_EQ(parts(digest.c_str()), "id " + digest);
}

// --- command ---

TEST(TranslationTest, CommandReplacesTheEntrypointAndArgumentsAreItsOwn) {
  json body = BodyOf(ContainerTask("command: 'sh' args: '-c' args: 'true'"));
  EXPECT_EQ(body["Entrypoint"], json({"sh"}));
  EXPECT_EQ(body["Cmd"], json({"-c", "true"}));
  body = BodyOf(ContainerTask("args: 'true'"));
  EXPECT_FALSE(body.contains("Entrypoint"));
  EXPECT_EQ(body["Cmd"], json({"true"}));
}

// Pinned by SwarmKit: named and counted resources reach the container.
TEST(TranslationTest, AssignedResourcesAreInTheEnvironment) {
  pb::Task task = ContainerTask("env: 'A=1'");
  for (const char* name : {"blue", "red"}) {
    auto* apple = task.add_assigned_generic_resources()->mutable_named_resource_spec();
    apple->set_kind("apple");
    apple->set_value(name);
  }
  auto* orange = task.add_assigned_generic_resources()->mutable_discrete_resource_spec();
  orange->set_kind("orange");
  orange->set_value(3);
  EXPECT_EQ(BodyOf(task)["Env"],
            json({"A=1", "DOCKER_RESOURCE_APPLE=blue,red", "DOCKER_RESOURCE_ORANGE=3"}));
}

// --- pinned fields ---

// Pinned by SwarmKit.
TEST(TranslationTest, HealthcheckMapsAllItsFields) {
  const json body = BodyOf(
      ContainerTask("healthcheck {test: 'CMD' test: 'true' interval {seconds: 1} timeout "
                    "{seconds: 2} retries: 4 start_period {seconds: 3} start_interval {nanos: "
                    "5000000}}"));
  EXPECT_EQ(body["Healthcheck"], json({{"Test", {"CMD", "true"}},
                                       {"Interval", 1'000'000'000},
                                       {"Timeout", 2'000'000'000},
                                       {"Retries", 4},
                                       {"StartPeriod", 3'000'000'000},
                                       {"StartInterval", 5'000'000}}));
}

// Pinned by SwarmKit.
TEST(TranslationTest, MapsStopSignalInitIsolationAndPidsLimit) {
  EXPECT_EQ(BodyOf(ContainerTask("stop_signal: 'SIGUSR1'"))["StopSignal"], "SIGUSR1");
  EXPECT_FALSE(HostOf("").contains("Init"));
  EXPECT_EQ(HostOf("init {value: true}")["Init"], true);
  EXPECT_EQ(HostOf("init {value: false}")["Init"], false);
  EXPECT_EQ(HostOf("isolation: ISOLATION_HYPERV")["Isolation"], "hyperv");
  EXPECT_EQ(HostOf("isolation: ISOLATION_PROCESS")["Isolation"], "process");
  EXPECT_EQ(HostOf("pidsLimit: 10")["PidsLimit"], 10);
}

// Pinned by SwarmKit.
TEST(TranslationTest, CapabilitiesKeepTheirOrder) {
  const json host = HostOf(
      "capability_add: 'CAP_SYS_CHROOT' capability_add: 'CAP_CHOWN' capability_drop: 'CAP_KILL'");
  EXPECT_EQ(host["CapAdd"], json({"CAP_SYS_CHROOT", "CAP_CHOWN"}));
  EXPECT_EQ(host["CapDrop"], json({"CAP_KILL"}));
}

// Pinned by SwarmKit.
TEST(TranslationTest, MapsUlimits) {
  EXPECT_EQ(HostOf("ulimits {name: 'nofile' soft: 1024 hard: 2048}")["Ulimits"],
            json::array({{{"Name", "nofile"}, {"Soft", 1024}, {"Hard", 2048}}}));
}

// Pinned by SwarmKit.
TEST(TranslationTest, HostsBecomeNameAndAddress) {
  EXPECT_EQ(HostOf("hosts: '1.2.3.4 example.com' hosts: '5.6.7.8 other.com'")["ExtraHosts"],
            json({"example.com:1.2.3.4", "other.com:5.6.7.8"}));
}

TEST(TranslationTest, EveryAliasOfAHostCounts) {
  EXPECT_EQ(HostOf("hosts: '::1  a b' hosts: '1.2.3.4'")["ExtraHosts"], json({"a:::1", "b:::1"}));
}

// Pinned by SwarmKit.
TEST(TranslationTest, CredentialSpecsBecomeSecurityOptions) {
  const auto options = [](const std::string& source) {
    pb::Task task = ContainerTask("privileges {credential_spec {" + source + "}}");
    return SecurityOptions(task.spec().container().privileges(), {});
  };
  EXPECT_THAT(options(""), IsEmpty());
  EXPECT_THAT(options("file: 'spec.json'"), ElementsAre("credentialspec=file://spec.json"));
  EXPECT_THAT(options("registry: 'key'"), ElementsAre("credentialspec=registry://key"));
  EXPECT_THAT(options("config: 'cid'"), ElementsAre("credentialspec=config://cid"));
}

TEST(TranslationTest, ACredentialSpecInAConfigIsGivenAsItIs) {
  pb::Task task = ContainerTask("privileges {credential_spec {config: 'cid'}}");
  EXPECT_THAT(SecurityOptions(task.spec().container().privileges(), "{\"a\":1}"),
              ElementsAre("credentialspec=raw://{\"a\":1}"));
}

TEST(TranslationTest, MapsTheOtherPrivileges) {
  pb::Task task = ContainerTask(
      "privileges {selinux_context {user: 'u' role: 'r' type: 't' level: 'l'} "
      "seccomp {mode: CUSTOM profile: '{}'} apparmor {mode: DISABLED} no_new_privileges: true}");
  EXPECT_THAT(SecurityOptions(task.spec().container().privileges(), {}),
              ElementsAre("label=user:u", "label=role:r", "label=level:l", "label=type:t",
                          "seccomp={}", "apparmor=unconfined", "no-new-privileges=true"));
  task = ContainerTask("privileges {selinux_context {disable: true} seccomp {mode: UNCONFINED}}");
  EXPECT_THAT(SecurityOptions(task.spec().container().privileges(), {}),
              ElementsAre("label=disable", "seccomp=unconfined"));
}

// --- limits ---

TEST(TranslationTest, MapsLimits) {
  pb::Task task = ContainerTask("");
  auto* resources = task.mutable_spec()->mutable_resources();
  resources->mutable_limits()->set_nano_cpus(1'500'000'000);
  resources->mutable_limits()->set_memory_bytes(1 << 20);
  resources->mutable_reservations()->set_memory_bytes(1 << 19);
  EXPECT_EQ(BodyOf(task)["HostConfig"], json({{"NanoCpus", 1'500'000'000}, {"Memory", 1 << 20}}))
      << "reservations are the scheduler's";
  resources->mutable_swap_bytes()->set_value(1 << 10);
  resources->mutable_memory_swappiness()->set_value(0);
  EXPECT_EQ(BodyOf(task)["HostConfig"]["MemorySwap"], (1 << 20) + (1 << 10));
  EXPECT_EQ(BodyOf(task)["HostConfig"]["MemorySwappiness"], 0);
  resources->mutable_swap_bytes()->set_value(-1);
  EXPECT_EQ(BodyOf(task)["HostConfig"]["MemorySwap"], -1);
}

TEST(TranslationTest, TheTasksLogDriverWinsOverItsSpecs) {
  pb::Task task = ContainerTask("");
  task.mutable_spec()->mutable_log_driver()->set_name("none");
  EXPECT_EQ(BodyOf(task)["HostConfig"]["LogConfig"]["Type"], "none");
  task.mutable_log_driver()->set_name("local");
  (*task.mutable_log_driver()->mutable_options())["max-size"] = "1m";
  EXPECT_EQ(BodyOf(task)["HostConfig"]["LogConfig"],
            json({{"Type", "local"}, {"Config", {{"max-size", "1m"}}}}));
}

// --- ports ---

TEST(TranslationTest, PublishesPortsOfTheHostOnly) {
  pb::Task task = ContainerTask("");
  *task.mutable_endpoint() =
      TaskOf(
          "endpoint {ports {target_port: 80 published_port: 8080 publish_mode: HOST}"
          " ports {target_port: 53 protocol: UDP publish_mode: HOST}"
          " ports {target_port: 80 published_port: 8081 publish_mode: HOST}"
          " ports {target_port: 443 published_port: 8443 publish_mode: INGRESS}}")
          .endpoint();
  const json body = BodyOf(task);
  EXPECT_EQ(body["ExposedPorts"], json({{"80/tcp", json::object()}, {"53/udp", json::object()}}));
  EXPECT_EQ(body["HostConfig"]["PortBindings"],
            json({{"80/tcp", {{{"HostPort", "8080"}}, {{"HostPort", "8081"}}}},
                  {"53/udp", {{{"HostPort", ""}}}}}));
}

// --- mounts ---

// Pinned by SwarmKit.
TEST(TranslationTest, MapsBindMounts) {
  EXPECT_EQ(HostOf("mounts {type: BIND source: '/s' target: '/t'}")["Mounts"],
            json::array({{{"Type", "bind"}, {"Source", "/s"}, {"Target", "/t"}}}));
  EXPECT_EQ(HostOf("mounts {type: BIND source: '/s' target: '/t' readonly: true "
                   "bind_options {propagation: PRIVATE nonrecursive: true}}")["Mounts"],
            json::array({{{"Type", "bind"},
                          {"Source", "/s"},
                          {"Target", "/t"},
                          {"ReadOnly", true},
                          {"BindOptions", {{"Propagation", "private"}, {"NonRecursive", true}}}}}));
}

// Pinned by SwarmKit.
TEST(TranslationTest, MapsVolumeMounts) {
  const json host = HostOf("mounts {type: VOLUME target: '/t'}");
  EXPECT_EQ(host["Mounts"], json::array({{{"Type", "volume"}, {"Target", "/t"}}}));
  const json body = BodyOf(ContainerTask("mounts {type: VOLUME target: '/t'}"));
  EXPECT_FALSE(body.contains("Volumes"));
  EXPECT_EQ(HostOf("mounts {type: VOLUME source: 'v' target: '/t' volume_options {nocopy: true}}")
                ["Mounts"][0]["VolumeOptions"]["NoCopy"],
            true);
}

TEST(TranslationTest, VolumesWithADriverAreMadeFirst) {
  const pb::Task task = ContainerTask(
      "mounts {type: VOLUME source: 'v' target: '/t' volume_options {labels {key: 'a' value: 'b'} "
      "driver_config {name: 'nfs' options {key: 'o' value: 'rw'}}}}"
      "mounts {type: VOLUME source: 'w' target: '/u'}");
  const auto bodies = VolumeBodies(task.spec().container());
  ASSERT_EQ(bodies.size(), 1u);
  EXPECT_EQ(bodies[0], json({{"Name", "v"},
                             {"Driver", "nfs"},
                             {"DriverOpts", {{"o", "rw"}}},
                             {"Labels", {{"a", "b"}}}}));
  EXPECT_EQ(BodyOf(task)["HostConfig"]["Mounts"][0]["VolumeOptions"]["DriverConfig"],
            json({{"Name", "nfs"}, {"Options", {{"o", "rw"}}}}));
}

// Pinned by SwarmKit.
TEST(TranslationTest, MapsNamedPipesInBothStyles) {
  EXPECT_EQ(HostOf("mounts {type: NPIPE source: '//./pipe/a' target: '//./pipe/b'}")["Mounts"],
            json::array({{{"Type", "npipe"}, {"Source", "//./pipe/a"}, {"Target", "//./pipe/b"}}}));
  EXPECT_EQ(
      HostOf(
          R"(mounts {type: NPIPE source: '\\\\.\\pipe\\a' target: '\\\\.\\pipe\\b'})")["Mounts"][0]
                                                                                      ["Source"],
      "\\\\.\\pipe\\a");
}

// Pinned by SwarmKit.
TEST(TranslationTest, TmpfsOptionsPassThroughAsText) {
  for (const std::string option : {"exec", "noexec"}) {
    const json host = HostOf(
        "mounts {type: TMPFS target: '/t' readonly: true tmpfs_options {"
        "size_bytes: 67108864 mode: 0777 options: '" +
        option + "'}}");
    EXPECT_EQ(host["Tmpfs"], json({{"/t", "ro,mode=777,size=64m," + option}}));
    EXPECT_FALSE(host.contains("Mounts")) << "one form or the other";
  }
}

TEST(TranslationTest, TmpfsWithoutSuchOptionsIsAMountLikeOthers) {
  EXPECT_EQ(
      HostOf(
          "mounts {type: TMPFS target: '/t' tmpfs_options {size_bytes: 5 mode: 01777}}")["Mounts"],
      json::array({{{"Type", "tmpfs"},
                    {"Target", "/t"},
                    {"TmpfsOptions", {{"SizeBytes", 5}, {"Mode", 01777}}}}}));
}

TEST(TranslationTest, WhatAnOldEngineWouldIgnoreIsRefused) {
  EXPECT_EQ(ErrorOf("mounts {type: BIND source: '/s' target: '/t' bind_options "
                    "{createmountpoint: true}}"),
            "mount at /t: the option create-mountpoint needs an engine with API 1.42; this one has "
            "1.41");
  EXPECT_THAT(ErrorOf("mounts {type: VOLUME source: 's' target: '/t' volume_options "
                      "{subpath: 'a'}}"),
              HasSubstr("subpath needs an engine with API 1.45"));
  CreateContext context;
  context.api = {1, 45};
  const json body = BodyOf(
      ContainerTask("mounts {type: BIND source: '/s' target: '/t' bind_options {createmountpoint: "
                    "true readonlynonrecursive: true readonlyforcerecursive: true}}"
                    "mounts {type: VOLUME source: 's' target: '/u' volume_options {subpath: 'a'}}"),
      context);
  EXPECT_EQ(body["HostConfig"]["Mounts"][0]["BindOptions"],
            json({{"Propagation", "rprivate"},
                  {"CreateMountpoint", true},
                  {"ReadOnlyNonRecursive", true},
                  {"ReadOnlyForceRecursive", true}}));
  EXPECT_EQ(body["HostConfig"]["Mounts"][1]["VolumeOptions"]["Subpath"], "a");
}

// Pinned by SwarmKit.
TEST(TranslationTest, WrongMountsAreRefused) {
  EXPECT_EQ(ErrorOf("mounts {type: BIND source: '/s' target: 't'}"),
            "invalid mount target, must be an absolute path: t");
  EXPECT_EQ(ErrorOf("mounts {type: BIND source: 's' target: '/t'}"),
            "invalid bind mount source, must be an absolute path: s");
  EXPECT_EQ(ErrorOf("mounts {type: VOLUME source: '/s' target: '/t'}"),
            "invalid volume mount source, must not be an absolute path: /s");
  EXPECT_EQ(ErrorOf("mounts {type: TMPFS source: '/s' target: '/t'}"),
            "invalid tmpfs source, source must be empty");
  EXPECT_EQ(ErrorOf("mounts {type: NPIPE target: 't'}"),
            "invalid npipe source, source must not be empty");
  EXPECT_THAT(ErrorOf("mounts {type: CLUSTER source: 's' target: '/t'}"),
              HasSubstr("cluster volumes are not supported"));
  // That a source does not exist only the engine can tell.
  EXPECT_EQ(ErrorOf("mounts {type: BIND source: '/no/such/folder' target: '/t'}"), "");
}

// --- networks ---

pb::Task OnNetworks() {
  pb::Task task = ContainerTask("");
  const char* front =
      "networks {network {id: 'n1' spec {annotations {name: 'front'} internal: true} "
      "driver_state {name: 'bridge' options {key: 'o' value: 'v'}} "
      "ipam {driver {name: 'default'} configs {subnet: '10.9.0.0/24' gateway: '10.9.0.1'}}} "
      "addresses: '10.9.0.5/24' aliases: 'www'}";
  const char* back = "networks {network {id: 'n2' spec {annotations {name: 'back'}}}}";
  *task.mutable_networks() = TaskOf(std::string(front) + back).networks();
  return task;
}

TEST(TranslationTest, TheFirstNetworkIsPartOfTheCreation) {
  const json body = BodyOf(OnNetworks());
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "front");
  EXPECT_EQ(body["NetworkingConfig"]["EndpointsConfig"],
            json({{"front",
                   {{"IPAMConfig", {{"IPv4Address", "10.9.0.5"}}},
                    {"Aliases", {"www", "web", "tasks.web"}}}}}));
}

TEST(TranslationTest, NetworksAreMadeAsTheClusterSays) {
  const auto networks = NetworksOf(OnNetworks());
  ASSERT_EQ(networks.size(), 2u);
  EXPECT_EQ(networks[0].create,
            json({{"Name", "front"},
                  {"CheckDuplicate", true},
                  {"Driver", "bridge"},
                  {"Options", {{"o", "v"}}},
                  {"Internal", true},
                  {"Labels", {{"com.docker.swarm.network.id", "n1"}}},
                  {"IPAM",
                   {{"Driver", "default"},
                    {"Config", {{{"Subnet", "10.9.0.0/24"}, {"Gateway", "10.9.0.1"}}}}}}}));
  EXPECT_TRUE(networks[1].create.is_null()) << "the cluster does not say how";
}

TEST(TranslationTest, PredefinedNetworksAreUsedByName) {
  pb::Task task = ContainerTask("");
  *task.mutable_networks() =
      TaskOf(
          "networks {network {id: 'h' spec {annotations {name: 'host' labels {key: "
          "'com.docker.swarm.predefined' value: 'true'}}}}}")
          .networks();
  const json body = BodyOf(task);
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "host");
  EXPECT_EQ(body["NetworkingConfig"]["EndpointsConfig"], json({{"host", json::object()}}));
}

// --- what cannot be ---

TEST(TranslationTest, OnlyContainersRunHere) {
  EXPECT_THAT(CheckTask(TaskOf("spec {attachment {container_id: 'c'}}")).message(),
              HasSubstr("exec: unsupported runtime"));
  EXPECT_THAT(CheckTask(TaskOf("spec {generic {kind: 'k'}}")).message(),
              HasSubstr("exec: unsupported runtime"));
  EXPECT_EQ(CheckTask(TaskOf("spec {container {}}")).message(), "dockerexec: image required");
}

TEST(TranslationTest, OwnersOfFilesAreNumbers) {
  EXPECT_THAT(ErrorOf("secrets {secret_id: 's' file {name: 'key' uid: 'root'}}"),
              HasSubstr("secret key: the owner \"root\" must be a number"));
  EXPECT_THAT(ErrorOf("configs {config_id: 's' file {name: '/c' gid: '-1'}}"),
              HasSubstr("config /c: the owner \"-1\" must be a number"));
}

}  // namespace
}  // namespace swarm::executor_docker
