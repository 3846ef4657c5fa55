// Each field of a task as the process itself sees it.
#include <signal.h>
#include <sys/stat.h>

#include "process_fixture.h"

namespace swarm::executor_process {
namespace {

class FieldsTest : public ProcessFixture {
 protected:
  pb::Mount& AddMount(pb::Mount::Type type, const std::string& source, const std::string& target) {
    pb::Mount& mount = *container().add_mounts();
    mount.set_type(type);
    mount.set_source(source);
    mount.set_target(target);
    return mount;
  }
  std::string NewFolder(const std::string& name) {
    const std::string path = rig_.folder() + "/" + name;
    EXPECT_EQ(mkdir(path.c_str(), 0755), 0);
    return path;
  }
};

TEST_F(FieldsTest, Environment) {
  container().add_env("A=1");
  container().add_env("A=2");
  container().add_env("PATH");
  container().add_env("PATH=/bin:/usr/bin");
  auto* gpu = task_.add_assigned_generic_resources()->mutable_named_resource_spec();
  gpu->set_kind("gpu");
  gpu->set_value("u1");
  gpu = task_.add_assigned_generic_resources()->mutable_named_resource_spec();
  gpu->set_kind("gpu");
  gpu->set_value("u2");
  auto* orange = task_.add_assigned_generic_resources()->mutable_discrete_resource_spec();
  orange->set_kind("orange");
  orange->set_value(3);
  // Pinned by SwarmKit: named and counted resources reach the task.
  EXPECT_EQ(OutputOf("env | grep -v -e ^PWD= -e ^HOME= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort"),
            "A=2\nDOCKER_RESOURCE_GPU=u1,u2\nDOCKER_RESOURCE_ORANGE=3\nPATH=/bin:/usr/bin\n");
}

TEST_F(FieldsTest, UserAndGroups) {
  SWARM_NEEDS(CAP_SETUID);
  container().set_user("65534:12");
  container().add_groups("23");
  container().add_groups("daemon");
  EXPECT_EQ(OutputOf("id -u; id -g; id -G; touch mine && echo \"$HOME\""),
            "65534\n12\n12 1 23\n/nonexistent\n");
}

TEST_F(FieldsTest, AUserByNameHasItsGroups) {
  SWARM_NEEDS(CAP_SETUID);
  container().set_user("nobody");
  EXPECT_EQ(OutputOf("id -un; id -g"), "nobody\n65534\n");
}

TEST_F(FieldsTest, TheNodesUserIsForTasksWithoutOne) {
  SWARM_NEEDS(CAP_SETUID);
  rig_.options().rules.user = "nobody";
  rig_.Restart();
  EXPECT_EQ(OutputOf("id -un"), "nobody\n");
}

TEST_F(FieldsTest, Capabilities) {
  SWARM_NEEDS(CAP_SETPCAP);
  rig_.options().rules.capabilities = *ParseCapabilities({"CHOWN", "KILL", "NET_RAW"});
  rig_.Restart();
  container().add_capability_add("CAP_SYS_TIME");
  container().add_capability_drop("net_raw");
  EXPECT_EQ(OutputOf("grep -e CapEff -e CapBnd /proc/self/status"),
            "CapEff:\t0000000002000021\nCapBnd:\t0000000002000021\n");
}

TEST_F(FieldsTest, ACapabilityThatIsDroppedIsGone) {
  SWARM_NEEDS(CAP_SETPCAP);
  container().add_capability_drop("ALL");
  EXPECT_EQ(OutputOf("grep CapEff /proc/self/status; chown 1 . 2>/dev/null || echo refused"),
            "CapEff:\t0000000000000000\nrefused\n");
}

TEST_F(FieldsTest, NoNewPrivileges) {
  container().mutable_privileges()->set_no_new_privileges(true);
  EXPECT_EQ(OutputOf("grep NoNewPrivs /proc/self/status"), "NoNewPrivs:\t1\n");
}

TEST_F(FieldsTest, Ulimits) {
  const auto add = [&](const char* name, std::int64_t soft, std::int64_t hard) {
    auto* limit = container().add_ulimits();
    limit->set_name(name);
    limit->set_soft(soft);
    limit->set_hard(hard);
  };
  add("nofile", 100, 200);
  add("core", 0, 0);
  EXPECT_EQ(OutputOf("ulimit -Sn; ulimit -Hn; ulimit -c"), "100\n200\n0\n");
}

TEST_F(FieldsTest, OomScoreAdjustment) {
  container().set_oom_score_adj(321);
  EXPECT_EQ(OutputOf("cat /proc/self/oom_score_adj"), "321\n");
}

TEST_F(FieldsTest, TheSupervisorsOwnOomScoreIsNotTheTasks) {
  EXPECT_EQ(OutputOf("cat /proc/self/oom_score_adj"), ReadText("/proc/self/oom_score_adj"));
}

TEST_F(FieldsTest, Hostname) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  container().set_hostname("web-1");
  EXPECT_EQ(OutputOf("hostname; echo $HOSTNAME"), "web-1\nweb-1\n");
  char own[256] = {};
  gethostname(own, sizeof own - 1);
  EXPECT_STRNE(own, "web-1");
}

TEST_F(FieldsTest, StandardInputStaysOpen) {
  container().set_open_stdin(true);
  // It is a pipe, on which reading lasts as long as the task.
  EXPECT_EQ(OutputOf("readlink /proc/self/fd/0 | cut -d: -f1; timeout 0.2 cat; echo $?"),
            "pipe\n124\n");
}

TEST_F(FieldsTest, WithoutStandardInputThereIsNothingToRead) {
  EXPECT_EQ(OutputOf("cat; echo end"), "end\n");
}

TEST_F(FieldsTest, BindMounts) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  const std::string source = NewFolder("source");
  const std::string target = NewFolder("target");
  ASSERT_TRUE(WriteFileAtomically(rig_.runtime().files(), source + "/file", "content", 0644).ok());
  AddMount(pb::Mount::BIND, source, target).set_readonly(true);
  AddMount(pb::Mount::BIND, source, rig_.folder() + "/made/below");
  AddMount(pb::Mount::BIND, source + "/file", rig_.folder() + "/one-file");
  EXPECT_EQ(OutputOf("cd " + rig_.folder() + "; cat target/file made/below/file one-file; " +
                     "touch target/x 2>/dev/null || echo; touch made/below/x && ls source"),
            "contentcontentcontent\nfile\nx\n");
  EXPECT_FALSE(rig_.runtime().files().Exists(target + "/file")) << "only the process sees it";
}

TEST_F(FieldsTest, AMissingBindSourceRejectsTheTask) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  AddMount(pb::Mount::BIND, "/no/such/source", "/mnt");
  MakeShell("true");
  EXPECT_EQ(Run(&Controller::Prepare).status.message(),
            "invalid bind mount source, source path not found: /no/such/source");
}

TEST_F(FieldsTest, Tmpfs) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  pb::Mount& mount = AddMount(pb::Mount::TMPFS, "", NewFolder("memory"));
  mount.mutable_tmpfs_options()->set_size_bytes(1 << 20);
  mount.mutable_tmpfs_options()->set_mode(0750);
  EXPECT_EQ(OutputOf("cd " + rig_.folder() + "; stat -f -c %T memory; stat -c %a memory; " +
                     "df -k memory | tail -1 | awk '{print $2}'"),
            "tmpfs\n750\n1024\n");
}

TEST_F(FieldsTest, NamedVolumesOutliveTasks) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  container().set_user("65534:65534");
  const std::string target = NewFolder("target");
  AddMount(pb::Mount::VOLUME, "data", target);
  AddMount(pb::Mount::VOLUME, "", NewFolder("nameless"));
  EXPECT_EQ(OutputOf("echo kept > " + target + "/file; echo x > " + rig_.folder() +
                     "/nameless/file; cat " + target + "/file"),
            "kept\n");
  EXPECT_TRUE(Run(&Controller::Remove).status.ok());
  EXPECT_EQ(ReadText(rig_.folder() + "/volumes/data/file"), "kept\n");
  EXPECT_EQ(rig_.runtime().files().List(rig_.folder() + "/volumes")->size(), 1u);
  EXPECT_FALSE(rig_.runtime().files().Exists(rig_.folder() + "/tasks/task"));
}

TEST_F(FieldsTest, ReadOnlyRoot) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  container().set_read_only(true);
  const std::string target = NewFolder("target");
  AddMount(pb::Mount::VOLUME, "data", target);
  EXPECT_EQ(OutputOf("touch /tmp/swarm-no 2>/dev/null || echo refused; "
                     "touch here 2>/dev/null || echo refused; touch " +
                     target + "/x && echo written; echo x > /dev/null && echo device"),
            "refused\nrefused\nwritten\ndevice\n");
}

TEST_F(FieldsTest, SecretsAndConfigs) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  dependencies_->payloads = {{"s1", "top secret"}, {"s2", "elsewhere"}, {"c1", "settings"}};
  const auto secret = [&](const char* id, const std::string& name, unsigned mode) {
    auto* reference = container().add_secrets();
    reference->set_secret_id(id);
    reference->mutable_file()->set_name(name);
    reference->mutable_file()->set_uid("65534");
    reference->mutable_file()->set_gid("12");
    reference->mutable_file()->set_mode(mode);
  };
  secret("s1", "password", 0400);
  secret("s2", rig_.folder() + "/place/other", 0444);
  auto* config = container().add_configs();
  config->set_config_id("c1");
  config->mutable_file()->set_name(rig_.folder() + "/config");
  config->mutable_file()->set_mode(0644);
  EXPECT_EQ(OutputOf("cd " + rig_.folder() +
                     "; cat /run/secrets/password place/other config; echo; "
                     "stat -c '%a %u %g' /run/secrets/password config; "
                     "stat -f -c %T /run/secrets/password place/other config; "
                     "echo x 2>/dev/null > config || echo refused"),
            "top secretelsewheresettings\n400 65534 12\n644 0 0\ntmpfs\ntmpfs\ntmpfs\nrefused\n");
  EXPECT_FALSE(rig_.runtime().files().Exists("/run/secrets/password"));
  EXPECT_EQ(ReadText(rig_.folder() + "/config"), "") << "nothing is on disk";
}

TEST_F(FieldsTest, AMissingSecretFailsTheStart) {
  SWARM_NEEDS(CAP_SYS_ADMIN);
  auto* reference = container().add_secrets();
  reference->set_secret_id("absent");
  reference->mutable_file()->set_name("x");
  MakeShell("true");
  EXPECT_EQ(StartUp().status.message(), "secret absent not found");
}

TEST_F(FieldsTest, HostPortsAreReported) {
  auto* port = task_.mutable_endpoint()->add_ports();
  port->set_publish_mode(pb::PortConfig::HOST);
  port->set_target_port(8080);
  Make([&](pb::ContainerSpec& c) { rig_.RunForever(c); });
  EXPECT_FALSE(controller_->PortStatus().has_value());
  ASSERT_TRUE(StartUp().status.ok());
  ASSERT_TRUE(controller_->PortStatus().has_value());
  EXPECT_EQ(controller_->PortStatus()->ports(0).published_port(), 8080u);
}

// --- limits ---

class LimitsTest : public FieldsTest {
 protected:
  // Whether this machine can enforce what the task asks for; else it has said so.
  bool Enforced() {
    const Status made = TryMake();
    if (made.ok()) return true;
    EXPECT_EQ(made.code(), Code::kFailedPrecondition);
    EXPECT_NE(made.message().find("this node cannot enforce"), std::string::npos) << made;
    return false;
  }
};

TEST_F(LimitsTest, WantOfMemoryIsTold) {
  task_.mutable_spec()->mutable_resources()->mutable_limits()->set_memory_bytes(32 << 20);
  ProcessRig::Shell(container(), "exec tail /dev/zero");
  if (!Enforced()) GTEST_SKIP() << "no memory control group";
  const StepResult end = RunToEnd();
  EXPECT_EQ(end.exit_code, 137);
  EXPECT_EQ(end.status.message(), "task: non-zero exit (137): out of memory, its limit is 32 MiB");
}

TEST_F(LimitsTest, Processes) {
  container().set_pidslimit(5);
  ProcessRig::Shell(container(),
                    "for i in 1 2 3 4 5 6 7 8; do sleep 3600 & done 2>/dev/null; echo too many");
  if (!Enforced()) GTEST_SKIP() << "no pids control group";
  const StepResult end = RunToEnd();
  EXPECT_NE(end.exit_code, 0);
  EXPECT_EQ(Output(), "");
}

TEST_F(LimitsTest, Processors) {
  task_.mutable_spec()->mutable_resources()->mutable_limits()->set_nano_cpus(500'000'000);
  rig_.RunForever(container());
  if (!Enforced()) GTEST_SKIP() << "no cpu control group";
  ASSERT_TRUE(StartUp().status.ok());
  const std::string groups = ReadText("/proc/" + std::to_string(View().record.process) + "/cgroup");
  EXPECT_NE(groups.find("/swarm-test/task."), std::string::npos) << groups;
}

TEST_F(LimitsTest, GroupsGoWithTheTask) {
  MakeShell("cat /proc/self/cgroup");
  EXPECT_TRUE(RunToEnd().status.ok());
  const ControlGroups groups =
      ControlGroups::Detect(ReadText("/proc/self/mountinfo"), "swarm-test");
  const std::string ours = Output();
  const std::size_t at = ours.find("/task.");
  if (at == std::string::npos) GTEST_SKIP() << "no control groups: " << groups.Describe();
  const std::string name = ours.substr(at + 1, ours.find('\n', at) - at - 1);
  for (const PlanGroup& group : groups.All(name)) EXPECT_NE(access(group.folder.c_str(), F_OK), 0);
}

TEST_F(LimitsTest, WithoutControlGroupsALimitRejectsTheTask) {
  NodeRules rules;
  rules.state_dir = rig_.folder();
  task_.set_id("task");
  container().add_command("true");
  task_.mutable_spec()->mutable_resources()->mutable_limits()->set_memory_bytes(1 << 20);
  const auto refused = executor_process::SetUp(task_, rules);
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  rules.run_unlimited = true;
  const auto accepted = executor_process::SetUp(task_, rules);
  ASSERT_TRUE(accepted.ok());
  ASSERT_EQ(accepted->plan.notes.size(), 1u) << "it is said in the task's output";
}

}  // namespace
}  // namespace swarm::executor_process
