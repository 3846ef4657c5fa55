// Dispatcher and agents without the rest of a manager: what is assigned in the store runs on the
// nodes, and what the nodes report stands in the store, whatever the network does.
#include <iostream>

#include "agents_fixture.h"

namespace swarm::agents_simulation {
namespace {

TEST(AgentsSimulationTest, TasksRunByTheirOwnReports) {
  Fixture f(1, 20, 0);
  SteadyTime begin = f.sim.Now();
  f.Assign(200);
  EXPECT_TRUE(f.Await(pb::RUNNING, 200, 20s));
  EXPECT_LT(f.sim.Now() - begin, 5s);
  f.WantAll(pb::SHUTDOWN);
  EXPECT_TRUE(f.Await(pb::SHUTDOWN, 200, 30s));
}

TEST(AgentsSimulationTest, NothingIsLostOverAnUnreliableNetwork) {
  VirtualNetworkCounters total;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Fixture f(seed, 20, 0.02);
    f.Assign(200);
    EXPECT_TRUE(f.Await(pb::RUNNING, 200)) << "seed " << seed;
    f.WantAll(pb::SHUTDOWN);
    EXPECT_TRUE(f.Await(pb::SHUTDOWN, 200)) << "seed " << seed;
    total.broken_connections += f.network.counters().broken_connections;
    total.messages += f.network.counters().messages;
  }
  std::cout << total.messages << " messages, " << total.broken_connections
            << " broken connections\n";
  EXPECT_GT(total.broken_connections, 20u);
}

TEST(AgentsSimulationTest, LeaderChangeLeavesTasksRunning) {
  Fixture f(7, 20, 0);
  f.Assign(100);
  ASSERT_TRUE(f.Await(pb::RUNNING, 100));
  f.StopDispatcher();
  f.sim.RunFor(3s);
  f.StartDispatcher();
  f.Assign(100);
  EXPECT_TRUE(f.Await(pb::RUNNING, 200, 1min));
  auto ready = [&] {
    int count = 0;
    auto nodes = f.store.Read()->Find<pb::Node>(By::All());
    for (const auto& node : *nodes) count += node->status().state() == pb::NodeStatus::READY;
    return count == 20;
  };
  EXPECT_TRUE(f.sim.RunUntil(ready, 1min));
  EXPECT_EQ(f.CountTasks(pb::RUNNING), 200);
}

TEST(AgentsSimulationTest, PartitionedNodeGoesDownAndComesBack) {
  Fixture f(9, 3, 0);
  f.Assign(30);
  ASSERT_TRUE(f.Await(pb::RUNNING, 30));
  auto state = [&] { return f.store.Read()->Get<pb::Node>("node0")->status().state(); };
  f.network.Partition(f.manager, *f.nodes[0].machine);
  EXPECT_TRUE(f.sim.RunUntil([&] { return state() == pb::NodeStatus::DOWN; }, 1min));
  f.network.HealAll();
  EXPECT_TRUE(f.sim.RunUntil([&] { return state() == pb::NodeStatus::READY; }, 2min));
  EXPECT_EQ(f.CountTasks(pb::RUNNING), 30);
}

TEST(AgentsSimulationTest, CrashingNodesFindTheirTasksAgain) {
  for (std::uint64_t seed = 20; seed < 25; ++seed) {
    Fixture f(seed, 5, 0.01);
    f.Assign(50);
    for (int i = 0; i < 10; ++i) {
      f.sim.RunFor(f.sim.random().Between(1ms, 2s));
      f.CrashNode(f.nodes[f.sim.random().Below(f.nodes.size())]);
    }
    // The simulated containers died with their machines, so every task has run or runs.
    EXPECT_TRUE(f.sim.RunUntil(
        [&] {
          return f.CountTasks(pb::RUNNING) + f.CountTasks(pb::FAILED) +
                     f.CountTasks(pb::COMPLETE) ==
                 50;
        },
        10min))
        << "seed " << seed;
    f.WantAll(pb::SHUTDOWN);
    EXPECT_TRUE(f.sim.RunUntil([&] { return f.CountTasks(pb::RUNNING) == 0; }, 10min))
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace swarm::agents_simulation
