// Three managers of ours time elections fast; a real Docker Engine that becomes one of them makes
// the group slow, and fast again when it has left. All that under load, and nobody is elected.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <iostream>
#include <thread>

#include "joined.h"
#include "support/docker_engine.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;

std::size_t CountOf(const std::string& word, const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

class ProfileSwitchTest : public ::testing::Test {
 protected:
  struct Node {
    Manager manager;
    std::string address;
    bool started = false;
  };

  void SetUp() override {
    if (const auto reason = DockerEngine::Unavailable()) GTEST_SKIP() << *reason;
    engine_ = std::make_unique<DockerEngine>();
    ASSERT_TRUE(engine_->Start()) << engine_->log();
    for (std::size_t at = 0; at < nodes_.size(); ++at) {
      nodes_[at].address = engine_->outside_ip() + ":" +
                           std::to_string(20000 + getpid() % 10000 + static_cast<int>(at) * 10000);
    }
    ASSERT_TRUE(Start(0)) << nodes_[0].manager.log();
    const std::string token = JoinToken(nodes_[0].manager, "manager");
    for (const std::size_t at : {1U, 2U}) {
      ASSERT_TRUE(Start(at, {"--join-addr", nodes_[0].address, "--join-token", token}))
          << nodes_[at].manager.log();
    }
    ASSERT_TRUE(Become("fast")) << Logs();
  }
  void TearDown() override {
    StopLoad();
    for (Node& node : nodes_) {
      if (node.started) node.manager.process().Signal(SIGKILL);
    }
  }

  bool Start(std::size_t at, std::vector<std::string> arguments = {}) {
    Node& node = nodes_[at];
    WriteText(node.manager.folder() / "raft.yaml",
              "plugins:\n  path: [" + BuildDirectory() +
                  "/plugins]\n  consensus: {use: raft}\n  proxy: {use: proxy-raft}\n"
                  "  executor:\n    - {use: sim, default: true}\n");
    arguments.insert(arguments.end(), {"--config", node.manager.folder() / "raft.yaml",
                                       "--hostname", "m" + std::to_string(at + 1)});
    node.manager.ListenOn(node.address);
    node.started = true;
    return node.manager.Start(arguments);
  }
  // What the manager last said of the group's timing.
  std::string Timing(std::size_t at) {
    const std::string log = nodes_[at].manager.log();
    const std::size_t last = log.rfind("The group's election timing has changed");
    if (last == std::string::npos) return "compatible";
    const std::string line = log.substr(last, log.find('\n', last) - last);
    return line.find("fast") != std::string::npos ? "fast" : "compatible";
  }
  bool All(const std::string& timing) {
    for (std::size_t at = 0; at < nodes_.size(); ++at) {
      if (nodes_[at].manager.process().running() && Timing(at) != timing) return false;
    }
    return true;
  }
  bool Become(const std::string& timing) {
    return Eventually([&] { return All(timing); }, 120s);
  }
  std::size_t Elections() {
    std::size_t count = 0;
    for (Node& node : nodes_) count += CountOf("Leads the group", node.manager.log());
    return count;
  }
  std::string Logs() {
    std::string all;
    for (Node& node : nodes_) all += "\n----\n" + node.manager.log();
    return all;
  }

  // Writes through every manager in turn, one after the other.
  void StartLoad() {
    loading_ = true;
    load_ = std::thread([this] {
      for (int i = 0; loading_; ++i) {
        Manager& manager = nodes_[static_cast<std::size_t>(i) % nodes_.size()].manager;
        const Finished created =
            manager.Ctl({"--timeout", "30s", "service", "create", "--name",
                         "load-" + std::to_string(i), "--image", "any", "--replicas", "1"});
        if (created.code == 0) ++written_;
        if (created.code != 0) ++refused_;
      }
    });
  }
  void StopLoad() {
    loading_ = false;
    if (load_.joinable()) load_.join();
  }
  // So many more writes are done.
  bool Write(int count) {
    const int end = written_ + count;
    return Eventually([&] { return written_ >= end; }, 180s);
  }

  Finished Join() {
    return engine_->Docker(
        {"swarm", "join", "--token", JoinToken(nodes_[0].manager, "manager"), nodes_[0].address});
  }
  std::string Info(const std::string& format) {
    std::string out = engine_->Docker({"info", "--format", format}).out;
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }

  std::unique_ptr<DockerEngine> engine_;
  std::array<Node, 3> nodes_;
  std::thread load_;
  std::atomic<bool> loading_{false};
  std::atomic<int> written_{0};
  std::atomic<int> refused_{0};
};

TEST_F(ProfileSwitchTest, AnEngineComesServesAndGoesUnderLoadAndNobodyIsElected) {
  StartLoad();
  ASSERT_TRUE(Write(5));
  const std::size_t elections = Elections();
  for (int round = 0; round < 2; ++round) {
    const Finished joined = Join();
    ASSERT_EQ(joined.code, 0) << joined.err << Logs();
    // Not some time after: before the engine was let in.
    EXPECT_TRUE(All("compatible")) << Logs();
    const std::string id = Info("{{.Swarm.NodeID}}");
    EXPECT_TRUE(Eventually([&] { return Info("{{.Swarm.ControlAvailable}}") == "true"; }, 120s));
    EXPECT_TRUE(Eventually(
        [&] {
          return CountOf("Ready", engine_->Docker({"node", "ls"}).out) == 4;
        },
        120s))
        << engine_->Docker({"node", "ls"}).out;
    const std::string name = "through-engine-" + std::to_string(round);
    const Finished created = engine_->Docker(
        {"service", "create", "--detach", "--name", name, "--replicas", "0", "busybox"});
    EXPECT_EQ(created.code, 0) << created.err;
    EXPECT_THAT(nodes_[1].manager.Ctl({"service", "ls"}).out, HasSubstr(name));
    EXPECT_TRUE(Write(15));
    EXPECT_TRUE(All("compatible"));

    const Finished demoted = nodes_[0].manager.Ctl({"node", "demote", id});
    ASSERT_EQ(demoted.code, 0) << demoted.err;
    EXPECT_TRUE(Become("fast")) << Logs();
    EXPECT_TRUE(Eventually([&] { return Info("{{.Swarm.ControlAvailable}}") == "false"; }, 120s));
    EXPECT_EQ(engine_->Docker({"swarm", "leave"}).code, 0);
    EXPECT_TRUE(Write(10));
  }
  EXPECT_EQ(Elections(), elections) << Logs();
  StopLoad();
  EXPECT_EQ(refused_, 0);
  std::cout << "written all the while: " << written_ << "\n";
}

TEST_F(ProfileSwitchTest, AnEngineIsTurnedAwayWhileAManagerIsAwayAndToldWhich) {
  nodes_[2].manager.process().Signal(SIGKILL);
  nodes_[2].manager.process().Wait();
  const Finished refused = Join();
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("a manager of another make cannot join now"));
  EXPECT_THAT(refused.err, HasSubstr(nodes_[2].address));
  EXPECT_EQ(Timing(0), "fast") << "nobody was slowed down in vain";
  engine_->Docker({"swarm", "leave", "--force"});

  ASSERT_TRUE(Start(2)) << nodes_[2].manager.log();
  ASSERT_TRUE(Eventually([&] {
    return CountOf("REACHABLE", nodes_[0].manager.Ctl({"node", "ls"}).out) == 3;
  })) << Logs();
  Finished joined;
  EXPECT_TRUE(Eventually(
      [&] {
        joined = Join();
        if (joined.code != 0) engine_->Docker({"swarm", "leave", "--force"});
        return joined.code == 0;
      },
      120s))
      << joined.err << Logs();
  EXPECT_TRUE(All("compatible")) << Logs();
}

}  // namespace
}  // namespace swarm::test
