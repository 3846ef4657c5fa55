#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "cluster.h"
#include "memory.h"

namespace swarm::test {
namespace {

using namespace std::chrono_literals;

std::set<std::string> TaskIds(Cluster& cluster) {
  std::set<std::string> ids;
  const auto tasks = cluster.store().Read()->FindTasks(By::All());
  for (const TaskPtr& task : *tasks) ids.insert(task->id);
  return ids;
}

bool Soak() { return std::getenv("SWARM_SOAK") != nullptr; }

TEST(ClusterSimulationTest, ServicesRunScaleAndGo) {
  Cluster cluster({.seed = 11, .agents = 5, .loss = 0, .executor = "{}"});
  const std::string web = cluster.CreateService("web", 20);
  EXPECT_TRUE(
      cluster.simulation().RunUntil([&] { return cluster.CountTasks(pb::RUNNING) == 20; }, 10min));
  ASSERT_TRUE(cluster.Scale(web, 7).ok());
  EXPECT_TRUE(
      cluster.simulation().RunUntil([&] { return cluster.CountTasks(pb::RUNNING) == 7; }, 10min));
  ASSERT_TRUE(cluster.RemoveService(web).ok());
  EXPECT_TRUE(cluster.simulation().RunUntil(
      [&] { return cluster.store().Read()->Count(Table::kTask) == 0; }, 10min));
}

TEST(ClusterSimulationTest, TasksGetThereOverALossyNetwork) {
  for (std::uint64_t seed = 1; seed <= (Soak() ? 200u : 5u); ++seed) {
    Cluster cluster({.seed = seed, .agents = 20, .loss = 0.002, .executor = "{}"});
    cluster.CreateService("web", 200);
    EXPECT_TRUE(cluster.simulation().RunUntil(
        [&] { return cluster.CountTasks(pb::RUNNING) == 200; }, 60min))
        << "seed " << seed << ": " << cluster.CountTasks(pb::RUNNING) << " run";
  }
}

TEST(ClusterSimulationTest, AKilledManagerKeepsWhatItAcknowledgedAndRestartsNothing) {
  for (std::uint64_t seed = 1; seed <= (Soak() ? 100u : 5u); ++seed) {
    Cluster cluster({.seed = seed, .agents = 4, .loss = 0, .executor = "{}"});
    const std::string id = cluster.CreateService("web", 12);
    ASSERT_TRUE(cluster.simulation().RunUntil([&] { return cluster.CountTasks(pb::RUNNING) == 12; },
                                              10min));
    const std::set<std::string> before = TaskIds(cluster);
    cluster.CrashManager();
    EXPECT_NE(cluster.store().Read()->Get<pb::Service>(id), nullptr) << "seed " << seed;
    cluster.simulation().RunFor(5min);
    EXPECT_EQ(cluster.CountTasks(pb::RUNNING), 12) << "seed " << seed;
    EXPECT_EQ(TaskIds(cluster), before) << "seed " << seed;
  }
}

TEST(ClusterSimulationTest, EveryScopeIsMadeAndDestroyedAHundredTimes) {
  Cluster cluster({.seed = 3, .agents = 2, .loss = 0, .executor = "{}"});
  cluster.CreateService("web", 4);
  ASSERT_TRUE(
      cluster.simulation().RunUntil([&] { return cluster.CountTasks(pb::RUNNING) == 4; }, 10min));
  for (int i = 0; i < 100; ++i) cluster.CycleManager();
  EXPECT_TRUE(
      cluster.simulation().RunUntil([&] { return cluster.CountTasks(pb::RUNNING) == 4; }, 10min));
}

TEST(ClusterSimulationTest, AThousandAgentsAreMadeAndDestroyed) {
  Cluster cluster({.seed = 4, .agents = 1000, .loss = 0, .executor = "{}"});
  const auto ready = [&] {
    int count = 0;
    const auto nodes = cluster.store().Read()->Find<pb::Node>(By::All());
    for (const auto& node : *nodes)
      count += node->status().state() == pb::NodeStatus::READY ? 1 : 0;
    return count;
  };
  EXPECT_TRUE(cluster.simulation().RunUntil([&] { return ready() == 1000; }, 10min));
  cluster.StopAgents();
}

struct Measured {
  double seconds = 0;
  double bytes_per_task = 0;
};

Measured RunTasks(int agents, int tasks) {
  Cluster cluster({.seed = 7, .agents = agents, .loss = 0.00001, .executor = "{}"});
  cluster.simulation().RunFor(10s);
  const auto memory_before = MemoryOf(1);
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kServices = 10;
  for (int s = 0; s < kServices; ++s) {
    cluster.CreateService("s" + std::to_string(s), static_cast<std::uint64_t>(tasks / kServices));
  }
  // Counting costs time of its own: look once a virtual 100 ms.
  bool there = false;
  for (int i = 0; i < 36'000 && !there; ++i) {
    cluster.simulation().RunFor(100ms);
    there = cluster.CountTasks(pb::RUNNING) == tasks;
  }
  EXPECT_TRUE(there) << cluster.CountTasks(pb::RUNNING) << " of " << tasks << " run";
  Measured run;
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  cluster.simulation().RunFor(30s);
  run.bytes_per_task = static_cast<double>(MemoryOf(1) - memory_before) / tasks;
  std::printf(
      "%d tasks on %d agents: RUNNING by their own reports after %.2f s, %.0f tasks/s, %.0f bytes "
      "a task in the manager\n",
      tasks, agents, run.seconds, tasks / run.seconds, run.bytes_per_task);
  return run;
}

TEST(ClusterSimulationTest, ManyTasksStayWithinTheMemoryBudget) {
  const bool soak = Soak();
  RunTasks(soak ? 1000 : 100, soak ? 10'000 : 2'000);
  const Measured large = RunTasks(soak ? 1000 : 100, soak ? 100'000 : 10'000);
  EXPECT_LT(large.bytes_per_task, 2560);
}

}  // namespace
}  // namespace swarm::test
