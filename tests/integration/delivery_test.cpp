// Secrets and configs on their whole way, from swarmctl into processes and containers: there while
// they are used, gone afterwards, and never on a disk or in a log.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "docker_rig.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;

// Texts that are nowhere else, and what `sha256sum` says of them.
constexpr const char* kSecret = "uwu-7f1c-nobody-may-read-this-52d0";
constexpr const char* kConfig = "uwu-90aa-everybody-may-read-this-11";

std::string Digest(const std::string& text) {
  const TemporaryFolder folder;
  WriteText(folder / "text", text);
  return Execute({"sha256sum", folder / "text"}).out.substr(0, 64);
}

// Files below a folder that contain the text.
std::string FilesWith(const std::string& text, const std::string& folder) {
  return Execute({"grep", "-rlsaF", "-D", "skip", text, folder}).out;
}

class DeliveryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (DockerEngine::Unavailable()) return;
    rig_ = std::make_unique<DockerRig>();
    ASSERT_TRUE(rig_->manager.StartWithConfig(rig_->Yaml() + "    - {use: process}\n"))
        << rig_->manager.log();
    const TemporaryFolder folder;
    WriteText(folder / "secret", kSecret);
    WriteText(folder / "config", kConfig);
    Good({"secret", "create", "pw", "-f", folder / "secret"});
    Good({"config", "create", "app", "-f", folder / "config"});
  }
  static void TearDownTestSuite() { rig_.reset(); }
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    ASSERT_TRUE(rig_ && rig_->manager.process().running());
  }
  void TearDown() override {
    if (rig_) rig_->manager.Ctl({"service", "remove", "web"});
  }

  static std::string Good(const std::vector<std::string>& arguments) {
    const Finished result = rig_->manager.Ctl(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  }
  // A task that tells mode, owner and digest of both files. `config`: where the config is.
  static void Create(const std::string& config, const std::vector<std::string>& more) {
    const std::string tell = "stat -c '%a %u:%g' /run/secrets/pw " + config +
                             "; sha256sum /run/secrets/pw " + config + "; exec sleep 3600";
    std::vector<std::string> arguments = {"--stop-grace-period", "1s", "--secret", "pw", "--config",
                                          "app:" + config};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.end(), {"--command", "sh", "--args", "-c", "--args", tell});
    Good(CreateService("web", 1, arguments));
  }
  static std::string Expected(const std::string& config) {
    return "444 0:0\n444 0:0\n" + Digest(kSecret) + "  /run/secrets/pw\n" + Digest(kConfig) + "  " +
           config + "\n";
  }
  static std::string Output() { return rig_->manager.Ctl({"service", "logs", "web", "--raw"}).out; }
  static bool NoTasks() {
    return Eventually([] { return Tasks(rig_->manager, "web").empty(); });
  }
  static void NothingIsReadable() {
    for (const char* text : {kSecret, kConfig}) {
      EXPECT_EQ(FilesWith(text, rig_->manager.state()), "");
      EXPECT_EQ(rig_->manager.log().find(text), std::string::npos);
    }
  }

  inline static std::unique_ptr<DockerRig> rig_;
};

TEST_F(DeliveryTest, AProcessHasThemAlone) {
  const TemporaryFolder folder;
  const std::string config = folder / "app.conf";
  Create(config, {"--label", "swarm.executor=process"});
  EXPECT_TRUE(Eventually([&] { return Output() == Expected(config); }))
      << Output() << rig_->manager.log();
  // Its files are in its own view of the file system only.
  EXPECT_FALSE(std::filesystem::exists("/run/secrets/pw"));
  EXPECT_EQ(ReadText(config), "");
  NothingIsReadable();
  Good({"service", "remove", "web"});
  EXPECT_TRUE(NoTasks());
  NothingIsReadable();
  EXPECT_EQ(ReadText("/proc/mounts").find(rig_->manager.state()), std::string::npos);
}

TEST_F(DeliveryTest, AContainerHasThemAlone) {
  Create("/app.conf", {});
  EXPECT_TRUE(Eventually([] { return Output() == Expected("/app.conf"); }))
      << Output() << rig_->manager.log();
  const std::string payload = rig_->engine.folder() + "/payload";
  const auto running = rig_->Running("web");
  ASSERT_EQ(running.size(), 1u);
  EXPECT_EQ(rig_->engine.Docker({"inspect", *running.begin()}).out.find(kSecret),
            std::string::npos);
  EXPECT_THAT(rig_->engine.Docker({"exec", *running.begin(), "cat", "/proc/mounts"}).out,
              HasSubstr("tmpfs /run/secrets/pw "));
  EXPECT_NE(FilesWith(kSecret, payload), "") << "this test looks at the wrong folder";
  for (const auto& entry : std::filesystem::directory_iterator(payload)) {
    constexpr auto kOthers = std::filesystem::perms(077);
    EXPECT_EQ(entry.status().permissions() & kOthers, std::filesystem::perms::none);
  }
  EXPECT_EQ(FilesWith(kSecret, rig_->engine.folder() + "/data"), "");
  NothingIsReadable();
  Good({"service", "remove", "web"});
  EXPECT_TRUE(NoTasks());
  EXPECT_TRUE(Eventually([&] { return FilesWith(kSecret, payload).empty(); }));
  EXPECT_TRUE(Eventually([&] {
    return ReadText("/proc/mounts").find(payload) == std::string::npos;
  })) << ReadText("/proc/mounts");
  EXPECT_EQ(FilesWith(kSecret, rig_->engine.folder() + "/data"), "");
  NothingIsReadable();
}

TEST_F(DeliveryTest, WhatAServiceUsesStaysUntilItDoesNot) {
  Create("/app.conf", {});
  const Finished refused = rig_->manager.Ctl({"secret", "rm", "pw"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("secret 'pw' is in use by the following service: web"));
  EXPECT_THAT(Good({"secret", "ls"}), HasSubstr("pw"));
  EXPECT_EQ(Good({"secret", "inspect", "pw"}).find(kSecret), std::string::npos);
  EXPECT_THAT(Good({"config", "inspect", "app"}), HasSubstr(kConfig));
  EXPECT_TRUE(Eventually([] { return Output() == Expected("/app.conf"); })) << Output();
  Good({"service", "update", "web", "--rm-secret", "pw", "--args", "-c", "--args",
        "ls /run/secrets | wc -l; exec sleep 3600"});
  EXPECT_TRUE(Eventually([] { return Output().ends_with("\n0\n"); })) << Output();
  const TemporaryFolder folder;
  WriteText(folder / "secret", "other");
  Good({"secret", "rm", "pw"});
  Good({"secret", "create", "pw", "-f", folder / "secret"});
}

// A crash must not put secrets on a disk.
TEST_F(DeliveryTest, ManagersLeaveNoCoreDump) {
  const TemporaryFolder control;
  Execute({"sh", "-c", "cd " + control.path() + " && ulimit -c unlimited && kill -ABRT $$"});
  if (std::filesystem::is_empty(control.path())) {
    GTEST_SKIP() << "this machine's core dumps go elsewhere: "
                 << ReadText("/proc/sys/kernel/core_pattern");
  }
  const TemporaryFolder folder;
  Process daemon({"sh", "-c",
                  "cd " + folder.path() + " && ulimit -c unlimited && exec " + BuildDirectory() +
                      "/bin/swarmd --state-dir state --listen-control-api " + folder.path() +
                      "/sock --listen-remote-api 127.0.0.1:0"},
                 folder / "log");
  ASSERT_TRUE(Eventually([&] {
    return ReadText(folder / "log").find("node is ready") != std::string::npos;
  })) << ReadText(folder / "log");
  daemon.Signal(SIGABRT);
  EXPECT_EQ(daemon.Wait(), 128 + SIGABRT);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("core")) << entry.path();
  }
}

}  // namespace
}  // namespace swarm::test
