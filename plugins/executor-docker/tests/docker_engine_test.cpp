// The executor on a real Docker Engine.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>

#include "conformance/executor_suite.h"
#include "docker_executor.h"
#include "json_read.h"
#include "names.h"
#include "runtime/production.h"
#include "support/docker_engine.h"

namespace swarm::executor_docker {
namespace {

using conformance::ExecutorFactory;
using conformance::ExecutorSuite;
using nlohmann::json;
using test::DockerEngine;
using testing::HasSubstr;
using namespace std::chrono_literals;

// One engine for all tests of this program.
class Engine : public testing::Environment {
 public:
  static DockerEngine& Get() { return *engine_; }
  void SetUp() override {
    if (const auto why = DockerEngine::Unavailable()) {
      FAIL() << *why;
    }
    engine_ = std::make_unique<DockerEngine>();
    ASSERT_TRUE(engine_->Start({"--live-restore"})) << engine_->log();
  }
  void TearDown() override { engine_.reset(); }

 private:
  static inline std::unique_ptr<DockerEngine> engine_;
};

DockerOptions OptionsOf(DockerEngine& engine) {
  DockerOptions out;
  out.engine.address = *engine::ParseAddress(engine.address());
  out.pull = PullPolicy::kMissing;
  out.payload_dir = engine.folder() + "/payloads";
  out.reconnect_maximum = 500ms;
  return out;
}

class EngineRig final : public conformance::ThreadedRig {
 public:
  EngineRig() : runtime_(MakeRuntime()) { Open(); }
  ~EngineRig() override { Shut(); }
  Executor& executor() override { return *executor_; }
  DockerExecutor& docker() { return *executor_; }
  bool Restart() override {
    Shut();
    Open();
    return true;
  }
  void RunForever(pb::ContainerSpec& container) override { Words(container, {"sleep", "3600"}); }
  void ExitWith(pb::ContainerSpec& container, int code) override {
    Words(container, {"sh", "-c", "exit " + std::to_string(code)});
  }
  void IgnoreStop(pb::ContainerSpec& container) override {
    RunForever(container);
    container.set_stop_signal("SIGWINCH");
  }
  void FailToStart(pb::ContainerSpec& container) override {
    Words(container, {"/no/such/program"});
    // An init process would start, and then fail.
    container.clear_init();
  }

 private:
  // The first process of a container ignores signals it has no handler for.
  static void Words(pb::ContainerSpec& container, const std::vector<std::string>& words) {
    container.set_image("busybox");
    container.mutable_init()->set_value(true);
    for (const std::string& word : words) container.add_args(word);
  }
  void Open() {
    DockerOptions options = OptionsOf(Engine::Get());
    auto connect = ConnectTo(*runtime_, options.engine);
    auto payloads = MakePayloadStore(options.payload_dir);
    executor_ = std::make_unique<DockerExecutor>(*runtime_, Logger(), std::move(options),
                                                 std::move(connect), std::move(payloads));
    executor_->Start([](const Status& status) { EXPECT_TRUE(status.ok()) << status; });
  }
  void Shut() {
    executor_->Stop([] {});
    executor_.reset();
  }
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<DockerExecutor> executor_;
};

INSTANTIATE_TEST_SUITE_P(RealEngine, ExecutorSuite,
                         testing::Values(ExecutorFactory{
                             "engine", [] { return std::make_unique<EngineRig>(); }}));

class Given final : public Dependencies {
 public:
  Result<std::shared_ptr<const pb::Secret>> Secret(std::string_view) const noexcept override {
    auto secret = std::make_shared<pb::Secret>();
    secret->mutable_spec()->set_data("hush\n");
    return std::shared_ptr<const pb::Secret>(secret);
  }
  Result<std::shared_ptr<const pb::Config>> Config(std::string_view) const noexcept override {
    auto config = std::make_shared<pb::Config>();
    config->mutable_spec()->set_data("open\n");
    return std::shared_ptr<const pb::Config>(config);
  }
};

class RealEngineTest : public testing::Test {
 protected:
  using Method = void (Controller::*)(StepDone);

  ~RealEngineTest() override {
    for (auto& controller : controllers_) {
      EXPECT_TRUE(Run(*controller, &Controller::Remove).status.ok());
      Close(*controller);
    }
    EXPECT_TRUE(engine_.Containers({std::string(kLabelTask)}).empty());
  }
  static pb::Task TaskOf(const std::string& text) {
    pb::Task task;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &task)) << text;
    return task;
  }
  Controller& Control(const pb::Task& task) {
    auto made = rig_.executor().NewController(task, std::make_shared<Given>());
    EXPECT_TRUE(made.ok()) << made.status();
    controllers_.push_back(*std::move(made));
    return *controllers_.back();
  }
  void Close(Controller& controller) {
    auto closed = std::make_shared<bool>(false);
    controller.Close([this, closed] { rig_.Note([closed] { *closed = true; }); });
    EXPECT_TRUE(rig_.Until([closed] { return *closed; }));
  }
  std::shared_ptr<std::optional<StepResult>> Begin(Controller& controller, Method method) {
    auto out = std::make_shared<std::optional<StepResult>>();
    (controller.*method)([this, out](StepResult result) {
      rig_.Note([out, result = std::move(result)]() mutable { *out = std::move(result); });
    });
    return out;
  }
  StepResult Await(const std::shared_ptr<std::optional<StepResult>>& pending) {
    EXPECT_TRUE(rig_.Until([&] { return pending->has_value(); })) << "did not end";
    return pending->value_or(StepResult());
  }
  StepResult Run(Controller& controller, Method method) { return Await(Begin(controller, method)); }
  // What it wrote, once it has ended.
  std::string OutputOf(Controller& controller, bool* standard_error = nullptr) {
    auto text = std::make_shared<std::string>();
    auto end = std::make_shared<std::optional<Status>>();
    const auto reading =
        dynamic_cast<LogSource&>(controller)
            .Logs(
                true, 0, 0,
                [this, text, standard_error](LogLine line) {
                  rig_.Note([&] {
                    *text += line.data;
                    if (standard_error) *standard_error = line.standard_error;
                  });
                },
                [this, end](Status status) { rig_.Note([&] { *end = std::move(status); }); });
    EXPECT_TRUE(rig_.Until([end] { return end->has_value(); }));
    EXPECT_TRUE((*end)->ok()) << **end;
    return *text;
  }
  json InspectOf(Controller& controller) {
    const auto status = controller.ContainerStatus();
    EXPECT_TRUE(status.has_value());
    const auto reply =
        engine_.Call(engine::Request::Get("/containers/" + status->container_id() + "/json"));
    EXPECT_TRUE(reply.ok()) << reply.status;
    return *reply.Json();
  }

  DockerEngine& engine_ = Engine::Get();
  EngineRig rig_;
  std::vector<std::unique_ptr<Controller>> controllers_;
};

// All that this engine and this kernel can do, in one container.
constexpr const char* kEveryField = R"(
id: 'every' slot: 1 node_id: 'nid' service_id: 'sid' service_annotations {name: 'web'}
assigned_generic_resources {named_resource_spec {kind: 'gpu' value: 'uuid1'}}
endpoint {ports {target_port: 80 published_port: 18080 publish_mode: HOST}
          ports {target_port: 81 publish_mode: HOST}}
log_driver {name: 'json-file' options {key: 'max-size' value: '1m'}}
networks {network {id: 'n1' spec {annotations {name: 'front'}} driver_state {name: 'bridge'}
  ipam {driver {name: 'default'} configs {subnet: '10.91.0.0/24' gateway: '10.91.0.1'}}}
  addresses: '10.91.0.5/24' aliases: 'www'}
networks {network {id: 'n2' spec {annotations {name: 'back'} internal: true}
  driver_state {name: 'bridge'}}}
spec {
  resources {limits {nano_cpus: 500000000 memory_bytes: 67108864}}
  container {
    image: 'busybox' labels {key: 'of' value: 'spec'}
    command: 'sh' args: '-c' args: 'cat /run/secrets/key /etc/app.conf; sleep 3600'
    env: 'A=1' dir: '/work' user: '1000:1000' groups: '2000' hostname: 'own'
    open_stdin: true read_only: true init {value: true}
    stop_signal: 'SIGUSR1' stop_grace_period {seconds: 1}
    hosts: '1.2.3.4 example.com www.example.com'
    dns_config {nameservers: '9.9.9.9' search: 'example.com' options: 'ndots:2'}
    healthcheck {test: 'CMD-SHELL' test: 'true' interval {nanos: 200000000} timeout {seconds: 2}
      retries: 3 start_period {seconds: 4}}
    pidsLimit: 100 sysctls {key: 'net.ipv4.ip_unprivileged_port_start' value: '0'}
    capability_add: 'CAP_NET_ADMIN' capability_drop: 'CAP_CHOWN'
    ulimits {name: 'nofile' soft: 100 hard: 200} oom_score_adj: 10
    privileges {selinux_context {disable: true} seccomp {mode: UNCONFINED}
      apparmor {mode: DISABLED} no_new_privileges: true}
    mounts {type: BIND source: '/etc' target: '/bind' readonly: true
      bind_options {propagation: PRIVATE nonrecursive: true}}
    mounts {type: VOLUME source: 'data' target: '/volume' volume_options {nocopy: true
      labels {key: 'l' value: 'v'} driver_config {name: 'local'
        options {key: 'type' value: 'tmpfs'} options {key: 'device' value: 'tmpfs'}}}}
    mounts {type: TMPFS target: '/tmpfs' tmpfs_options {size_bytes: 1048576 mode: 1023}}
    mounts {type: TMPFS target: '/tmpexec' tmpfs_options {size_bytes: 1048576 options: 'exec'}}
    secrets {secret_id: 's' file {name: 'key' uid: '1000' gid: '1000' mode: 256}}
    configs {config_id: 'c' file {name: '/etc/app.conf' mode: 292}}
  }
})";

json MountAt(const json& host, const std::string& target) {
  for (const json& mount : host["Mounts"]) {
    if (mount["Target"] == target) return mount;
  }
  ADD_FAILURE() << "nothing is mounted at " << target;
  return {};
}

TEST_F(RealEngineTest, HasEveryFieldOfATask) {
  Controller& task = Control(TaskOf(kEveryField));
  const StepResult prepared = Run(task, &Controller::Prepare);
  ASSERT_TRUE(prepared.status.ok()) << prepared.status;
  const StepResult started = Run(task, &Controller::Start);
  ASSERT_TRUE(started.status.ok()) << started.status;

  const json found = InspectOf(task);
  const json& config = found["Config"];
  const json& host = found["HostConfig"];
  EXPECT_EQ(found["Name"], "/web.1.every");
  EXPECT_EQ(found["State"]["Health"]["Status"], "healthy");
  EXPECT_EQ(config["Image"], "busybox");
  EXPECT_EQ(config["Labels"]["of"], "spec");
  EXPECT_EQ(config["Labels"]["com.docker.swarm.task.id"], "every");
  EXPECT_EQ(config["Entrypoint"], json({"sh"}));
  EXPECT_EQ(config["Cmd"].size(), 2u);
  EXPECT_THAT(config["Env"], testing::Contains("A=1"));
  EXPECT_THAT(config["Env"], testing::Contains("DOCKER_RESOURCE_GPU=uuid1"));
  EXPECT_EQ(config["WorkingDir"], "/work");
  EXPECT_EQ(config["User"], "1000:1000");
  EXPECT_EQ(config["Hostname"], "own");
  EXPECT_EQ(config["OpenStdin"], true);
  EXPECT_EQ(config["StopSignal"], "SIGUSR1");
  EXPECT_EQ(config["Healthcheck"]["Test"], json({"CMD-SHELL", "true"}));
  EXPECT_EQ(config["Healthcheck"]["Interval"], 200'000'000);
  EXPECT_EQ(config["Healthcheck"]["Timeout"], 2'000'000'000);
  EXPECT_EQ(config["Healthcheck"]["Retries"], 3);
  EXPECT_EQ(config["Healthcheck"]["StartPeriod"], 4'000'000'000);
  EXPECT_EQ(host["GroupAdd"], json({"2000"}));
  EXPECT_EQ(host["ReadonlyRootfs"], true);
  EXPECT_EQ(host["Init"], true);
  EXPECT_EQ(host["ExtraHosts"], json({"example.com:1.2.3.4", "www.example.com:1.2.3.4"}));
  EXPECT_EQ(host["Dns"], json({"9.9.9.9"}));
  EXPECT_EQ(host["DnsSearch"], json({"example.com"}));
  EXPECT_EQ(host["DnsOptions"], json({"ndots:2"}));
  EXPECT_EQ(host["PidsLimit"], 100);
  EXPECT_EQ(host["Sysctls"]["net.ipv4.ip_unprivileged_port_start"], "0");
  EXPECT_EQ(host["CapAdd"], json({"CAP_NET_ADMIN"}));
  EXPECT_EQ(host["CapDrop"], json({"CAP_CHOWN"}));
  EXPECT_EQ(host["Ulimits"], json::array({{{"Name", "nofile"}, {"Soft", 100}, {"Hard", 200}}}));
  EXPECT_EQ(host["OomScoreAdj"], 10);
  EXPECT_EQ(host["NanoCpus"], 500'000'000);
  EXPECT_EQ(host["Memory"], 67108864);
  EXPECT_EQ(host["LogConfig"], json({{"Type", "json-file"}, {"Config", {{"max-size", "1m"}}}}));
  EXPECT_EQ(host["SecurityOpt"], json({"label=disable", "seccomp=unconfined", "apparmor=unconfined",
                                       "no-new-privileges=true"}));
  EXPECT_EQ(host["Mounts"].size(), 5u) << "three of the spec, the secret and the config";
  const json bind = MountAt(host, "/bind");
  EXPECT_EQ(bind["Type"], "bind");
  EXPECT_EQ(bind["Source"], "/etc");
  EXPECT_EQ(bind["ReadOnly"], true);
  EXPECT_EQ(bind["BindOptions"], json({{"Propagation", "private"}, {"NonRecursive", true}}));
  const json data = MountAt(host, "/volume");
  EXPECT_EQ(data["Type"], "volume");
  EXPECT_EQ(data["Source"], "data");
  EXPECT_EQ(data["VolumeOptions"]["NoCopy"], true);
  EXPECT_EQ(data["VolumeOptions"]["Labels"]["l"], "v");
  const json memory = MountAt(host, "/tmpfs");
  EXPECT_EQ(memory["Type"], "tmpfs");
  EXPECT_EQ(memory["TmpfsOptions"], json({{"SizeBytes", 1048576}, {"Mode", 1023}}));
  EXPECT_EQ(host["Tmpfs"]["/tmpexec"], "size=1m,exec");
  const json& networks = found["NetworkSettings"]["Networks"];
  EXPECT_EQ(networks["front"]["IPAddress"], "10.91.0.5");
  EXPECT_THAT(networks["front"]["Aliases"], testing::Contains("www"));
  EXPECT_THAT(networks["front"]["Aliases"], testing::Contains("tasks.web"));
  EXPECT_TRUE(networks.contains("back"));

  const auto ports = task.PortStatus();
  ASSERT_TRUE(ports.has_value());
  ASSERT_EQ(ports->ports_size(), 2);
  EXPECT_EQ(ports->ports(0).published_port(), 18080u);
  EXPECT_GT(ports->ports(1).published_port(), 0u) << "the engine's choice";
  EXPECT_GT(task.ContainerStatus()->pid(), 0);

  const auto volume = engine_.Call(engine::Request::Get("/volumes/data"));
  ASSERT_TRUE(volume.ok()) << volume.status;
  EXPECT_EQ((*volume.Json())["Options"]["type"], "tmpfs");
  EXPECT_EQ((*volume.Json())["Labels"]["l"], "v");

  ASSERT_TRUE(Run(task, &Controller::Shutdown).status.ok());
  EXPECT_EQ(OutputOf(task), "hush\nopen\n") << "the secret and the config";
  ASSERT_TRUE(Run(task, &Controller::Remove).status.ok());
  for (const char* network : {"front", "back"}) {
    EXPECT_EQ(engine_.Call(engine::Request::Get(std::string("/networks/") + network)).failure,
              engine::Failure::kNotFound);
  }
  EXPECT_TRUE(engine_.Call(engine::Request::Delete("/volumes/data")).ok());
}

pb::Task Shell(const std::string& id, const std::string& script) {
  pb::Task task;
  task.set_id(id);
  task.set_node_id("nid");
  auto* spec = task.mutable_spec()->mutable_container();
  spec->set_image("busybox");
  spec->mutable_init()->set_value(true);
  spec->add_command("sh");
  spec->add_command("-c");
  spec->add_command(script);
  return task;
}

// Pinned by SwarmKit: a task from preparation to its end, with what it wrote on both streams.
TEST_F(RealEngineTest, GivesOutputWithItsStream) {
  bool standard_error = false;
  Controller& task = Control(Shell("talk", "echo out; sleep 0.1; echo err >&2"));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(task, &Controller::Start).status.ok());
  EXPECT_EQ(OutputOf(task, &standard_error), "out\nerr\n");
  EXPECT_TRUE(standard_error);
}

TEST_F(RealEngineTest, GivesTheOutputOfATerminal) {
  pb::Task spec = Shell("tty", "echo one; echo two");
  spec.mutable_spec()->mutable_container()->set_tty(true);
  Controller& task = Control(spec);
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(task, &Controller::Start).status.ok());
  EXPECT_EQ(OutputOf(task), "one\r\ntwo\r\n");
}

TEST_F(RealEngineTest, AnUnhealthyContainerFailsItsTask) {
  pb::Task spec = Shell("sick", "touch /tmp/well; sleep 3600");
  auto* check = spec.mutable_spec()->mutable_container()->mutable_healthcheck();
  for (const char* word : {"CMD", "test", "-e", "/tmp/well"}) check->add_test(word);
  check->mutable_interval()->set_nanos(100'000'000);
  check->set_retries(1);
  Controller& task = Control(spec);
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(task, &Controller::Start).status.ok());
  const auto wait = Begin(task, &Controller::Wait);
  const auto done =
      engine_.Docker({"exec", task.ContainerStatus()->container_id(), "rm", "/tmp/well"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(Await(wait).status.message(), "dockerexec: unhealthy container");
}

TEST_F(RealEngineTest, AnImageThatIsNowhereIsRejected) {
  pb::Task spec = Shell("none", "true");
  spec.mutable_spec()->mutable_container()->set_image("127.0.0.1:1/no/such:image");
  const StepResult result = Run(Control(spec), &Controller::Prepare);
  EXPECT_THAT(result.status.message(), HasSubstr("pulling 127.0.0.1:1/no/such:image failed: "));
  EXPECT_FALSE(result.temporary);
}

TEST_F(RealEngineTest, SecretsCanBeWrittenIntoTheContainer) {
  pb::Task spec = Shell("written", "stat -c '%a %u %g' /run/secrets/key; cat /run/secrets/key");
  auto* secret = spec.mutable_spec()->mutable_container()->add_secrets();
  secret->set_secret_id("s");
  secret->mutable_file()->set_name("key");
  secret->mutable_file()->set_uid("7");
  secret->mutable_file()->set_mode(0440);
  // As for an engine of another machine.
  DockerOptions options = OptionsOf(engine_);
  const auto runtime = MakeRuntime();
  for (const bool allowed : {false, true}) {
    options.remote_secrets = allowed;
    DockerExecutor executor(*runtime, Logger(), options, ConnectTo(*runtime, options.engine),
                            nullptr);
    executor.Start([](const Status&) {});
    auto made = executor.NewController(spec, std::make_shared<Given>());
    ASSERT_TRUE(made.ok());
    Controller& task = **made;
    const StepResult prepared = Run(task, &Controller::Prepare);
    if (!allowed) {
      EXPECT_THAT(prepared.status.message(), HasSubstr("set remote_secrets"));
    } else {
      ASSERT_TRUE(prepared.status.ok()) << prepared.status;
      ASSERT_TRUE(Run(task, &Controller::Start).status.ok());
      EXPECT_TRUE(Run(task, &Controller::Wait).status.ok());
      EXPECT_EQ(OutputOf(task), "440 7 0\nhush\n");
    }
    EXPECT_TRUE(Run(task, &Controller::Remove).status.ok());
    Close(task);
    executor.Stop([] {});
  }
}

TEST_F(RealEngineTest, ARunningTaskOutlivesItsKilledEngine) {
  Controller& task = Control(Shell("lasting", "sleep 3600"));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(task, &Controller::Start).status.ok());
  const auto pid = task.ContainerStatus()->pid();
  const auto wait = Begin(task, &Controller::Wait);
  engine_.Kill();
  Controller& other = Control(Shell("waiting", "exit 5"));
  EXPECT_TRUE(Run(other, &Controller::Prepare).temporary);
  const auto prepare = Begin(other, &Controller::Prepare);
  ASSERT_TRUE(engine_.Start()) << engine_.log();
  EXPECT_TRUE(Await(prepare).status.ok());
  ASSERT_TRUE(Run(other, &Controller::Start).status.ok());
  EXPECT_EQ(Run(other, &Controller::Wait).exit_code, 5);
  EXPECT_FALSE(wait->has_value());
  EXPECT_EQ(task.ContainerStatus()->pid(), pid);
  ASSERT_EQ(engine_.Docker({"kill", task.ContainerStatus()->container_id()}).code, 0);
  EXPECT_EQ(Await(wait).exit_code, 137);
}

TEST_F(RealEngineTest, AnEndWhileTheEngineIsDeadIsNoticed) {
  Controller& task = Control(Shell("ending", "sleep 3600"));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(task, &Controller::Start).status.ok());
  const auto wait = Begin(task, &Controller::Wait);
  engine_.Kill();
  ::kill(task.ContainerStatus()->pid(), SIGKILL);
  ASSERT_TRUE(engine_.Start()) << engine_.log();
  EXPECT_NE(Await(wait).exit_code.value_or(0), 0);
}

TEST_F(RealEngineTest, RemovesWhatNoTaskOwns) {
  pb::Node node;
  node.set_id("nid");
  rig_.executor().Configure(node);
  Controller& task = Control(Shell("kept", "sleep 3600"));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(task, &Controller::Start).status.ok());
  const auto run = [&](const std::string& name, const std::string& node_id) {
    const auto made = engine_.Docker(
        {"run", "-d", "--init", "--name", name, "--label", "com.docker.swarm.task.id=gone",
         "--label", "com.docker.swarm.node.id=" + node_id, "busybox", "sleep", "3600"});
    EXPECT_EQ(made.code, 0) << made.err;
  };
  run("orphan", "nid");
  run("foreign", "other");
  rig_.docker().Retain({});
  EXPECT_TRUE(test::Eventually(
      [&] { return engine_.Containers({"com.docker.swarm.node.id=nid"}).size() == 1; }));
  EXPECT_EQ(engine_.Containers({"com.docker.swarm.node.id=other"}).size(), 1u);
  EXPECT_EQ(engine_.Docker({"rm", "-f", "foreign"}).code, 0);
}

}  // namespace
}  // namespace swarm::executor_docker

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new swarm::executor_docker::Engine);
  return RUN_ALL_TESTS();
}
