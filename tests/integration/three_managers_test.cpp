// Three managers as real processes: any of them answers, and the group outlives whoever leads it.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <sstream>
#include <thread>

#include "support/cluster.h"

namespace swarm::test {
namespace {

class ThreeManagersTest : public testing::Test {
 protected:
  struct Node {
    Manager manager;
    bool started = false;
    std::string address = "127.0.0.1:" + std::to_string(FreePort());
  };

  void SetUp() override {
    ASSERT_TRUE(Start(0)) << nodes_[0].manager.log();
    const std::string token = ManagerToken();
    ASSERT_FALSE(token.empty());
    for (int at : {1, 2}) {
      ASSERT_TRUE(Start(at, {"--join-addr", nodes_[0].address, "--join-token", token}))
          << nodes_[static_cast<std::size_t>(at)].manager.log();
    }
    ASSERT_TRUE(Eventually([&] { return Ctl(0, {"node", "ls", "-q"}).out.size() > 3 * 25; }));
  }
  void TearDown() override {
    for (Node& node : nodes_) {
      if (node.started) node.manager.process().Signal(SIGKILL);
    }
  }

  bool Start(int at, std::vector<std::string> arguments = {}) {
    Node& node = nodes_[static_cast<std::size_t>(at)];
    WriteText(node.manager.folder() / "raft.yaml",
              "plugins:\n  path: [" + BuildDirectory() +
                  "/plugins]\n  consensus: {use: raft}\n  proxy: {use: proxy-raft}\n"
                  "  executor:\n    - {use: sim, default: true}\n");
    const std::vector<std::string> own = {
        "--config",   node.manager.folder() / "raft.yaml", "--listen-remote-api", node.address,
        "--hostname", "m" + std::to_string(at + 1)};
    arguments.insert(arguments.end(), own.begin(), own.end());
    node.started = true;
    return node.manager.Start(arguments);
  }
  Finished Ctl(int at, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--timeout", "10s"});
    return nodes_[static_cast<std::size_t>(at)].manager.Ctl(std::move(arguments));
  }
  std::string ManagerToken() {
    const std::string text = Ctl(0, {"cluster", "inspect", "default"}).out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const auto token = line.find("SWMTKN-");
      if (line.find("Manager") != std::string::npos && token != std::string::npos) {
        return line.substr(token, line.find_first_of(" \r", token) - token);
      }
    }
    return "";
  }
  Finished Create(int at, const std::string& name) {
    return Ctl(at, {"service", "create", "--name", name, "--image", "any", "--replicas", "0"});
  }
  // As the manager `at` sees it; -1: nobody leads.
  int Leader(int at) {
    std::istringstream lines(Ctl(at, {"node", "ls"}).out);
    for (std::string line; std::getline(lines, line);) {
      if (line.find("REACHABLE *") == std::string::npos) continue;
      for (int leader = 0; leader < 3; ++leader) {
        if (line.find("m" + std::to_string(leader + 1) + " ") != std::string::npos) return leader;
      }
    }
    return -1;
  }

  std::array<Node, 3> nodes_;
};

TEST_F(ThreeManagersTest, EveryManagerAnswersAndTheGroupOutlivesItsLeaders) {
  for (int at = 0; at < 3; ++at) {
    const Finished created = Create(at, "through-m" + std::to_string(at + 1));
    EXPECT_EQ(created.code, 0) << created.err;
  }
  std::vector<double> failovers;
  std::vector<std::string> created = {"through-m1", "through-m2", "through-m3"};
  for (int round = 0; round < 4; ++round) {
    int leader = -1;
    ASSERT_TRUE(Eventually([&] { return (leader = Leader(round % 3)) >= 0; }));
    const int other = (leader + 1) % 3;
    nodes_[static_cast<std::size_t>(leader)].manager.process().Signal(SIGKILL);
    const auto killed = std::chrono::steady_clock::now();
    const std::string name = "after-kill-" + std::to_string(round);
    std::string error;
    ASSERT_TRUE(Eventually([&] {
      const Finished run = Create(other, name);
      error = run.err;
      return run.code == 0 || run.err.find("name conflicts") != std::string::npos;
    })) << error;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - killed;
    failovers.push_back(took.count());
    created.push_back(name);
    nodes_[static_cast<std::size_t>(leader)].manager.process().Wait();
    ASSERT_TRUE(Start(leader)) << nodes_[static_cast<std::size_t>(leader)].manager.log();
  }
  for (int at = 0; at < 3; ++at) {
    EXPECT_TRUE(Eventually([&] {
      const std::string services = Ctl(at, {"service", "ls"}).out;
      return std::all_of(created.begin(), created.end(), [&](const std::string& name) {
        return services.find(name) != std::string::npos;
      });
    })) << "manager "
        << at + 1;
  }
  std::sort(failovers.begin(), failovers.end());
  std::cout << "leader killed to next write accepted, swarmctl included: median "
            << failovers[failovers.size() / 2] << " s, most " << failovers.back() << " s\n";
  EXPECT_LT(failovers.back(), 30);
}

// With the default settings, and more to do than the machine can.
TEST_F(ThreeManagersTest, NobodyIsElectedWhileTheMachineIsBusy) {
  const auto count = [this](const std::string& word) {
    int found = 0;
    for (const Node& node : nodes_) {
      const std::string log = node.manager.log();
      for (auto at = log.find(word); at != std::string::npos; at = log.find(word, at + 1)) ++found;
    }
    return found;
  };
  ASSERT_TRUE(Eventually([&] { return count("timing=fast") == 3; }));
  const int elections = count("Leads the group");
  std::atomic<bool> busy{true};
  std::vector<std::thread> burners;
  for (unsigned i = 0; i < 2 * std::max(1U, std::thread::hardware_concurrency()); ++i) {
    burners.emplace_back([&busy] {
      while (busy) {
      }
    });
  }
  int written = 0;
  for (int i = 0; i < 90; ++i) {
    written += Create(i % 3, "busy-" + std::to_string(i)).code == 0;
  }
  busy = false;
  for (std::thread& burner : burners) burner.join();
  EXPECT_EQ(written, 90);
  EXPECT_EQ(count("Leads the group"), elections);
}

TEST_F(ThreeManagersTest, WithoutAMajorityCallersHearWhoIsMissing) {
  nodes_[1].manager.process().Signal(SIGKILL);
  nodes_[2].manager.process().Signal(SIGKILL);
  std::string error;
  EXPECT_TRUE(Eventually([&] {
    error = Create(0, "web").err;
    return error.find("2 of 3 managers unreachable: ") != std::string::npos;
  })) << error;
  EXPECT_NE(error.find("The swarm does not have a leader."), std::string::npos) << error;
  EXPECT_NE(error.find(nodes_[1].address), std::string::npos) << error;
}

}  // namespace
}  // namespace swarm::test
