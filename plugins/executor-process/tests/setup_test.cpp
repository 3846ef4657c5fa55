// What a task's specification means for a process, and what is refused.
#include "setup.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>

#include <functional>
#include <random>

#include "log_records.h"
#include "plan.h"
#include "task_folder.h"

namespace swarm::executor_process {
namespace {

class SetupTest : public testing::Test {
 protected:
  SetupTest() {
    rules_.state_dir = "/state";
    rules_.permissions.capabilities = ~std::uint64_t{0};
    task_.set_id("t1");
    container().add_command("true");
  }
  pb::ContainerSpec& container() { return *task_.mutable_spec()->mutable_container(); }
  std::string Refusal() { return executor_process::SetUp(task_, rules_).status().message(); }
  Plan PlanOf() {
    auto setup = executor_process::SetUp(task_, rules_);
    EXPECT_TRUE(setup.ok()) << setup.status();
    return setup.ok() ? setup->plan : Plan();
  }
  pb::Mount& AddMount(pb::Mount::Type type, const std::string& source, const std::string& target) {
    pb::Mount& mount = *container().add_mounts();
    mount.set_type(type);
    mount.set_source(source);
    mount.set_target(target);
    return mount;
  }
  NodeRules rules_;
  pb::Task task_;
};

TEST_F(SetupTest, RefusesWhatAProcessCannotHave) {
  const auto refusal = [&](const std::function<void()>& edit) {
    const pb::Task before = task_;
    edit();
    const std::string out = Refusal();
    task_ = before;
    return out;
  };
  const std::string hint = "; change the service or run it on a container executor";
  EXPECT_EQ(refusal([&] { container().set_tty(true); }),
            "executor-process cannot give a process a terminal (tty)" + hint);
  EXPECT_EQ(refusal([&] { (*container().mutable_sysctls())["a"] = "b"; }),
            "executor-process cannot give a process sysctls of its own" + hint);
  EXPECT_EQ(refusal([&] {
              auto* spec = task_.add_networks()->mutable_network()->mutable_spec();
              spec->mutable_annotations()->set_name("overlay1");
            }),
            "executor-process cannot give a process network \"overlay1\" (only \"host\")" + hint);
  EXPECT_EQ(refusal([&] { task_.mutable_log_driver()->set_name("syslog"); }),
            "executor-process cannot give a process log driver \"syslog\" (only json-file, local "
            "and none)" +
                hint);
  EXPECT_EQ(refusal([&] {
              auto* port = task_.mutable_endpoint()->add_ports();
              port->set_publish_mode(pb::PortConfig::HOST);
              port->set_target_port(80);
              port->set_published_port(8080);
            }),
            "executor-process cannot give a process port 80 published as 8080: publish it as "
            "itself" +
                hint);
  EXPECT_EQ(refusal([&] { container().clear_command(); }),
            "the task names no command: a process has no image to take one from");
  EXPECT_EQ(refusal([&] { container().set_stop_signal("SIGNONSENSE"); }),
            "stop_signal \"SIGNONSENSE\" is not a signal such as SIGTERM or 15");
  EXPECT_EQ(refusal([&] { container().add_capability_add("CAP_X"); }),
            "unknown capability: \"CAP_X\"");
  EXPECT_EQ(refusal([&] { task_.mutable_spec()->mutable_attachment(); }),
            "executor-process runs only container tasks");
}

TEST_F(SetupTest, RefusesWhatThisNodeMayNotGive) {
  rules_.permissions.capabilities = 0;
  const std::string hint =
      " on this node; run swarmd as root there, or keep the service from the node";
  const pb::Task before = task_;
  container().set_read_only(true);
  EXPECT_EQ(Refusal(), "swarmd may not give a process a read-only root" + hint);
  task_ = before;
  AddMount(pb::Mount::TMPFS, "", "/mnt");
  EXPECT_EQ(Refusal(), "swarmd may not give a process mounts" + hint);
  task_ = before;
  container().set_hostname("x");
  EXPECT_EQ(Refusal(), "swarmd may not give a process a hostname of its own" + hint);
  task_ = before;
  container().add_groups("audio");
  EXPECT_EQ(Refusal(), "swarmd may not give a process further groups" + hint);
  task_ = before;
  container().add_capability_add("NET_ADMIN");
  EXPECT_EQ(Refusal(), "swarmd may not give a process the capabilities it asks for" + hint);
  task_ = before;
  auto* secret = container().add_secrets();
  secret->set_secret_id("s");
  secret->mutable_file()->set_name("s");
  EXPECT_EQ(Refusal(), "swarmd may not give a process secrets and configs" + hint);
  task_ = before;
  container().add_capability_drop("ALL");
  EXPECT_EQ(Refusal(), "") << "there is nothing to drop";
}

// Pinned by Docker Engine: the texts of its checks of mounts.
TEST_F(SetupTest, MountsAreChecked) {
  const pb::Task before = task_;
  AddMount(pb::Mount::BIND, "/a", "relative");
  EXPECT_EQ(Refusal(), "invalid mount target, must be an absolute path: relative");
  task_ = before;
  AddMount(pb::Mount::BIND, "a", "/b");
  EXPECT_EQ(Refusal(), "invalid bind mount source, must be an absolute path: a");
  task_ = before;
  AddMount(pb::Mount::VOLUME, "/a", "/b");
  EXPECT_EQ(Refusal(), "invalid volume mount source, must not be an absolute path: /a");
  task_ = before;
  AddMount(pb::Mount::TMPFS, "x", "/b");
  EXPECT_EQ(Refusal(), "invalid tmpfs source, source must be empty");
  task_ = before;
  AddMount(pb::Mount::VOLUME, "../../etc", "/b");
  EXPECT_NE(Refusal().find("is not a volume name"), std::string::npos);
  task_ = before;
  AddMount(pb::Mount::VOLUME, "v", "/b").mutable_volume_options()->set_subpath("a/../../x");
  EXPECT_NE(Refusal().find("leads out of the volume"), std::string::npos);
  task_ = before;
  AddMount(pb::Mount::CLUSTER, "v", "/b");
  EXPECT_NE(Refusal().find("mounts of type CLUSTER"), std::string::npos);
}

TEST_F(SetupTest, VolumesAreFolders) {
  AddMount(pb::Mount::VOLUME, "data", "/a").mutable_volume_options()->set_subpath("sub");
  AddMount(pb::Mount::VOLUME, "", "/b/");
  const Plan plan = PlanOf();
  EXPECT_EQ(plan.mounts[0].source, "/state/volumes/data/sub");
  EXPECT_EQ(plan.mounts[1].source, "/state/tasks/t1/volumes/1");
  EXPECT_EQ(plan.mounts[1].target, "/b");
}

TEST_F(SetupTest, FilesHaveTheirPlaces) {
  const auto add = [&](const char* name) {
    auto* reference = container().add_secrets();
    reference->set_secret_id("s");
    reference->mutable_file()->set_name(name);
  };
  add("a/b");
  add("/etc/c");
  auto* config = container().add_configs();
  config->set_config_id("c");
  config->mutable_file()->set_name("app.conf");
  container().add_configs()->mutable_runtime();
  const Plan plan = PlanOf();
  ASSERT_EQ(plan.files.size(), 3u);
  EXPECT_EQ(plan.files[0].target, "/run/secrets/a/b");
  EXPECT_EQ(plan.files[1].target, "/etc/c");
  EXPECT_EQ(plan.files[2].target, "/app.conf");
  add("../../etc/passwd");
  EXPECT_NE(Refusal(), "");
}

TEST_F(SetupTest, CapabilitiesAreComposedAsByAnEngine) {
  rules_.capabilities = *ParseCapabilities({"CHOWN", "KILL"});
  const std::uint64_t chown = 1 << CAP_CHOWN;
  const std::uint64_t admin = std::uint64_t{1} << CAP_NET_ADMIN;
  const std::uint64_t all = ~std::uint64_t{0};
  const auto compose = [&](const std::vector<std::string>& add,
                           const std::vector<std::string>& drop) {
    container().clear_capability_add();
    container().clear_capability_drop();
    for (const auto& name : add) container().add_capability_add(name);
    for (const auto& name : drop) container().add_capability_drop(name);
    return PlanOf().capabilities;
  };
  EXPECT_EQ(compose({"cap_net_admin"}, {"KILL"}), chown | admin);
  EXPECT_EQ(compose({"NET_ADMIN"}, {"ALL"}), admin);
  EXPECT_EQ(compose({}, {"all"}), 0u);
  EXPECT_EQ(compose({"ALL"}, {"CAP_CHOWN"}), all & ~chown);
  EXPECT_EQ(compose({"ALL"}, {}), all);
}

TEST_F(SetupTest, UlimitsAreChecked) {
  auto* limit = container().add_ulimits();
  limit->set_name("nofile");
  limit->set_soft(10);
  limit->set_hard(-1);
  EXPECT_EQ(PlanOf().limits[0].resource, RLIMIT_NOFILE);
  limit->set_hard(5);
  EXPECT_EQ(Refusal(), "ulimit soft limit must be less than or equal to hard limit: nofile=10:5");
  limit->set_name("files");
  EXPECT_EQ(Refusal(), "invalid ulimit type: files");
}

TEST_F(SetupTest, HealthChecksHaveTheEnginesDefaultsAndBounds) {
  auto& health = *container().mutable_healthcheck();
  EXPECT_TRUE(PlanOf().health.command.empty());
  health.add_test("CMD-SHELL");
  health.add_test("curl -f localhost");
  const PlanHealth plan = PlanOf().health;
  EXPECT_EQ(plan.command, (std::vector<std::string>{"/bin/sh", "-c", "curl -f localhost"}));
  EXPECT_EQ(plan.interval, 30'000'000'000);
  EXPECT_EQ(plan.timeout, 30'000'000'000);
  EXPECT_EQ(plan.retries, 3);
  EXPECT_EQ(plan.start_period, 0);
  EXPECT_EQ(plan.start_interval, 5'000'000'000);
  health.mutable_interval()->set_nanos(999'999);
  EXPECT_EQ(Refusal(), "Interval in Healthcheck cannot be less than 1ms");
  health.clear_interval();
  health.set_test(0, "SHELL");
  EXPECT_EQ(Refusal(), "Unknown healthcheck type 'SHELL' (expected 'CMD')");
}

TEST_F(SetupTest, TheHostsNetworkIsWhatProcessesHave) {
  task_.add_networks()->mutable_network()->mutable_spec()->mutable_annotations()->set_name("host");
  EXPECT_EQ(Refusal(), "");
}

TEST(SignalsTest, HaveNamesAndNumbers) {
  EXPECT_EQ(*ParseSignal("SIGTERM"), SIGTERM);
  EXPECT_EQ(*ParseSignal("INT"), SIGINT);
  EXPECT_EQ(*ParseSignal("sigusr1"), SIGUSR1);
  EXPECT_EQ(*ParseSignal("9"), 9);
  for (const char* wrong : {"", "0", "-1", "99999", "TERMINATE"}) {
    EXPECT_FALSE(ParseSignal(wrong).ok()) << wrong;
  }
}

TEST(RecordsTest, DamagedRecordsAreNoRecords) {
  EXPECT_TRUE(ParseRecord("boot 10 20 30 40").ok());
  for (const char* wrong :
       {"", "boot", "boot 10 20 30", "boot 0 20 30 40", "boot 10 20 1 40", "boot x 20 30 40"}) {
    EXPECT_FALSE(ParseRecord(wrong).ok()) << wrong;
  }
  EXPECT_EQ(ParseExit("exit 3\n")->code, 3);
  EXPECT_EQ(ParseExit("signal 9\n")->code, 137);
  EXPECT_FALSE(ParseExit("signal 9\n")->out_of_memory);
  EXPECT_TRUE(ParseExit("signal 9 oom\n")->out_of_memory);
  for (const char* wrong : {"", "exit", "exit x", "stop 3", "exit -1", "exit 256"}) {
    EXPECT_FALSE(ParseExit(wrong).ok()) << wrong;
  }
}

TEST(RecordsTest, DamagedOutputIsLeftOut) {
  const auto line = ParseLogRecord("2026-11-21T12:00:00.000000001Z stderr P text  F");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->unix_nanos, 1795262400000000001);
  EXPECT_TRUE(line->standard_error);
  EXPECT_EQ(line->data, "text  F");
  for (const char* wrong :
       {"", "2026", "2026-11-21T12:00:00.000000001Z", "2026-11-21T12:00:00.000000001Z stdin F x",
        "2026-11-21T12:00:00.000000001Z stdout X x", "2026-11-21 12:00:00.000000001Z stdout F x"}) {
    EXPECT_FALSE(ParseLogRecord(wrong)) << wrong;
  }
}

TEST(PlanTest, IsReadAsWritten) {
  Plan plan;
  plan.command = {"a", std::string("b\0c", 3)};
  plan.environment = {"A=1:2", ""};
  plan.capabilities = ~std::uint64_t{0};
  plan.mounts.emplace_back().kind = PlanMount::Kind::kTmpfs;
  plan.files.push_back({"/run/secrets/a", 1, 2, 0400, "12:34"});
  plan.limits.push_back({7, -1, -1, "nofile"});
  plan.control_groups.push_back({"/g", {{"memory.max", "1", false}}});
  plan.health.command = {"true"};
  plan.notes = {"n"};
  const std::string text = EncodePlan(plan);
  const auto read = DecodePlan(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(EncodePlan(*read), text);
  EXPECT_EQ(read->command, plan.command);
  EXPECT_EQ(read->mounts[0].kind, PlanMount::Kind::kTmpfs);
  EXPECT_EQ(read->files[0].data, "12:34");
  EXPECT_FALSE(read->control_groups[0].files[0].required);
}

TEST(PlanTest, DamageIsFound) {
  Plan plan;
  plan.command = {"sleep", "1000"};
  plan.environment = {"A=1"};
  const std::string text = EncodePlan(plan);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodePlan(text.substr(0, size))) << size;
  }
  EXPECT_FALSE(DecodePlan(text + "1:x"));
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = text;
    for (int i = 0; i < 3; ++i) {
      damaged[random() % damaged.size()] = static_cast<char>("0123456789:-x"[random() % 13]);
    }
    (void)DecodePlan(damaged);  // ends, and with bounded memory
  }
}

}  // namespace
}  // namespace swarm::executor_process
