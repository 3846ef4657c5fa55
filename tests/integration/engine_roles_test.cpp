// Docker Engines in a cluster of ours become managers and workers again, and are locked with it.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "joined.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;

class EngineRolesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    engine_ = std::make_unique<DockerEngine>();
    ASSERT_TRUE(engine_->Start()) << engine_->log();
    manager_ = std::make_unique<Manager>();
    manager_->ListenOn(Address());
    ASSERT_TRUE(StartManager()) << manager_->log();
  }

  std::string Address() const {
    return engine_->outside_ip() + ":" + std::to_string(30000 + getpid() % 10000);
  }
  bool StartManager() {
    return manager_->StartWithConfig(
        "plugins:\n  path: [" + BuildDirectory() +
        "/plugins]\n  consensus: {use: raft, election_timeout: 10s, pre_vote: false}\n"
        "  proxy: {use: proxy-raft}\n  executor: [{use: sim, default: true}]\n");
  }
  // Its node id.
  std::string Joined(const std::string& role) {
    const Finished joined =
        engine_->Docker({"swarm", "join", "--token", JoinToken(*manager_, role), Address()});
    EXPECT_EQ(joined.code, 0) << joined.err << manager_->log();
    const std::string id = Info("{{.Swarm.NodeID}}");
    EXPECT_TRUE(NodeIs(*manager_, id, "READY")) << manager_->log() << engine_->log();
    return id;
  }
  std::string Info(const std::string& format) {
    std::string out = engine_->Docker({"info", "--format", format}).out;
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }
  bool Manages(bool wanted) {
    return Eventually(
        [&] { return Info("{{.Swarm.ControlAvailable}}") == (wanted ? "true" : "false"); }, 120s);
  }
  std::set<std::string> Containers() {
    std::set<std::string> ids;
    for (const auto& c : engine_->Containers({"com.docker.swarm.service.name=web"})) {
      if (c["State"] == "running") ids.insert(c["Id"]);
    }
    return ids;
  }
  std::string UnlockKey() {
    const std::string out = manager_->Ctl({"cluster", "unlock-key", "default"}).out;
    const auto at = out.find("SWMKEY-1-");
    return at == std::string::npos ? "" : out.substr(at, std::string("SWMKEY-1-").size() + 43);
  }
  int Unlock(const std::string& key) {
    return engine_->Call(engine::Request::PostJson("/swarm/unlock", {{"UnlockKey", key}}))
        .http_status;
  }

  std::unique_ptr<DockerEngine> engine_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(EngineRolesTest, AnEngineIsPromotedAndDemotedWhileItsContainersRunOn) {
  const std::string id = Joined("worker");
  const Finished created =
      manager_->Ctl({"service", "create", "--name", "web", "--image", "busybox:latest",
                     "--constraint", "node.id==" + id, "--replicas", "2", "--args", "serve"});
  ASSERT_EQ(created.code, 0) << created.err;
  ASSERT_TRUE(Eventually([&] { return Containers().size() == 2; }, 60s)) << engine_->log();
  const auto containers = Containers();

  ASSERT_EQ(manager_->Ctl({"node", "promote", id}).code, 0);
  EXPECT_TRUE(Manages(true)) << manager_->log() << engine_->log();
  EXPECT_TRUE(
      Eventually([&] { return NodeField(*manager_, id, "Raft status") == "REACHABLE"; }, 60s))
      << manager_->log();
  EXPECT_THAT(engine_->Docker({"node", "ls"}).out, HasSubstr("Leader"));
  EXPECT_THAT(engine_->Docker({"service", "ls"}).out, HasSubstr("web"));
  EXPECT_EQ(Containers(), containers);

  // By its own command line: the engine asks our leader to put it out.
  ASSERT_EQ(engine_->Docker({"node", "demote", id}).code, 0);
  EXPECT_TRUE(Manages(false)) << manager_->log() << engine_->log();
  EXPECT_TRUE(NodeIs(*manager_, id, "READY", 120s)) << manager_->log() << engine_->log();
  EXPECT_EQ(NodeField(*manager_, id, "Raft status"), "");
  EXPECT_EQ(Containers(), containers);
  EXPECT_FALSE(std::filesystem::exists(engine_->folder() + "/data/swarm/raft/wal-v3-encrypted"));

  // Once more, since what the first time has left must not be in the way.
  ASSERT_EQ(manager_->Ctl({"node", "promote", id}).code, 0);
  EXPECT_TRUE(Manages(true)) << manager_->log() << engine_->log();
  ASSERT_EQ(manager_->Ctl({"node", "demote", id}).code, 0);
  EXPECT_TRUE(Manages(false)) << manager_->log() << engine_->log();
  EXPECT_EQ(Containers(), containers);
}

TEST_F(EngineRolesTest, AnEngineThatManagesIsLockedAndUnlockedWithOurKey) {
  ASSERT_EQ(manager_->Ctl({"cluster", "update", "default", "--autolock"}).code, 0);
  const std::string key = UnlockKey();
  ASSERT_NE(key, "");
  Joined("manager");
  ASSERT_TRUE(Manages(true)) << engine_->log();
  EXPECT_THAT(engine_->Docker({"swarm", "unlock-key", "-q"}).out, HasSubstr(key));

  engine_->Stop();
  ASSERT_TRUE(engine_->Start()) << engine_->log();
  EXPECT_TRUE(Eventually([&] { return Info("{{.Swarm.LocalNodeState}}") == "locked"; }))
      << Info("{{.Swarm.LocalNodeState}}");
  EXPECT_NE(Unlock("SWMKEY-1-" + std::string(43, 'A')), 200);
  EXPECT_EQ(Unlock(key), 200) << engine_->log();
  EXPECT_TRUE(Manages(true)) << engine_->log();

  // A new key reaches it while it runs.
  ASSERT_EQ(manager_->Ctl({"cluster", "update", "default", "--rotate-unlock-key"}).code, 0);
  const std::string fresh = UnlockKey();
  ASSERT_NE(fresh, key);
  EXPECT_TRUE(Eventually([&] {
    return engine_->Docker({"swarm", "unlock-key", "-q"}).out.find(fresh) != std::string::npos;
  }));
  // Its file follows a moment later than its answer: both keys are tried.
  engine_->Stop();
  ASSERT_TRUE(engine_->Start()) << engine_->log();
  ASSERT_TRUE(Eventually([&] { return Info("{{.Swarm.LocalNodeState}}") == "locked"; }));
  EXPECT_EQ(Unlock(fresh), 200) << engine_->log();
  EXPECT_TRUE(Manages(true)) << engine_->log();
}

// A directory that our locked manager has left: the engine goes on as the same node, once it has
// the key.
TEST_F(EngineRolesTest, AnEngineTakesOverALockedDirectoryOfOurs) {
  ASSERT_EQ(manager_->Ctl({"cluster", "update", "default", "--autolock"}).code, 0);
  ASSERT_EQ(manager_
                ->Ctl({"service", "create", "--name", "kept", "--image", "busybox:latest",
                       "--replicas", "0"})
                .code,
            0);
  const std::string key = UnlockKey();
  ASSERT_TRUE(Eventually([&] {
    return manager_->log().find("The log is encrypted with the new key alone") != std::string::npos;
  })) << manager_->log();
  manager_->process().Signal(SIGTERM);
  ASSERT_EQ(manager_->process().Wait(60s), 0);

  // What a swarm of its own has written tells the engine how to start.
  const std::string swarm = engine_->folder() + "/data/swarm";
  ASSERT_EQ(engine_->Docker({"swarm", "init", "--advertise-addr", engine_->ip()}).code, 0);
  engine_->Stop();
  for (const char* part : {"certificates", "raft"}) {
    std::filesystem::remove_all(swarm + "/" + part);
    std::filesystem::copy(manager_->state() + "/" + part, swarm + "/" + part,
                          std::filesystem::copy_options::recursive);
  }
  std::filesystem::remove_all(swarm + "/worker");
  std::filesystem::remove(swarm + "/state.json");
  ASSERT_TRUE(engine_->Start()) << engine_->log();
  ASSERT_TRUE(Eventually([&] { return Info("{{.Swarm.LocalNodeState}}") == "locked"; }))
      << engine_->log();
  EXPECT_EQ(Unlock(key), 200) << engine_->log();
  EXPECT_TRUE(Manages(true)) << engine_->log();
  EXPECT_TRUE(Eventually(
      [&] {
        return engine_->Docker({"service", "ls"}).out.find("kept") != std::string::npos;
      },
      60s))
      << engine_->log();
}

}  // namespace
}  // namespace swarm::test
