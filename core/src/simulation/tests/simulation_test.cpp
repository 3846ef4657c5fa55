// The schedule: replayable from its seed, virtual in time, and final for processes that crash.
#include "swarm/simulation.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace swarm {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

// Three machines whose loops write down who ran when, with what randomness.
std::string Trace(std::uint64_t seed) {
  Simulation simulation(seed);
  std::string trace;
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<std::unique_ptr<Random>> randoms;
  for (const char* name : {"a", "b", "c"}) {
    Runtime& runtime = simulation.AddMachine(name).runtime();
    loops.push_back(runtime.NewLoop(name, LoopKind::kShared));
    randoms.push_back(runtime.NewRandom());
    Loop& loop = *loops.back();
    Random& random = *randoms.back();
    for (int i = 0; i < 20; ++i) {
      const std::string entry = std::string(name) + std::to_string(i);
      loop.Post([&, entry] {
        trace += entry + ";";
        timers.push_back(loop.After(random.Between(1ms, 100ms), [&, entry] {
          const auto time = simulation.Now().time_since_epoch().count();
          trace += entry + "@" + std::to_string(time) + ";";
        }));
      });
    }
  }
  simulation.RunFor(1s);
  return trace;
}

TEST(SimulationTest, SameSeedSameTrace) { EXPECT_EQ(Trace(7), Trace(7)); }

TEST(SimulationTest, OtherSeedOtherTrace) { EXPECT_NE(Trace(7), Trace(8)); }

TEST(SimulationTest, SeedsInterleaveLoopsDifferently) {
  const std::string one = Trace(1).substr(0, 60);
  const std::string two = Trace(2).substr(0, 60);
  EXPECT_NE(one, two);
}

TEST(SimulationTest, TimeJumpsToTheNextTimer) {
  Simulation simulation(1);
  auto loop = simulation.AddMachine("m").runtime().NewLoop("l", LoopKind::kShared);
  const SteadyTime start = simulation.Now();
  SteadyTime fired;
  auto timer = loop->After(5h, [&] { fired = simulation.Now(); });
  EXPECT_TRUE(simulation.Step());
  EXPECT_EQ(fired - start, 5h);
  EXPECT_FALSE(simulation.Step());
}

TEST(SimulationTest, RunForStopsBetweenTimers) {
  Simulation simulation(1);
  auto loop = simulation.AddMachine("m").runtime().NewLoop("l", LoopKind::kShared);
  const SteadyTime start = simulation.Now();
  int fired = 0;
  auto soon = loop->After(1s, [&] { ++fired; });
  auto late = loop->After(3s, [&] { ++fired; });
  simulation.RunFor(2s);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(simulation.Now() - start, 2s);
  EXPECT_FALSE(simulation.RunUntil([&] { return fired == 2; }, 500ms));
  EXPECT_TRUE(simulation.RunUntil([&] { return fired == 2; }, 1s));
  EXPECT_EQ(simulation.Now() - start, 3s);
}

TEST(SimulationTest, SettleDoesNotMoveTime) {
  Simulation simulation(1);
  auto loop = simulation.AddMachine("m").runtime().NewLoop("l", LoopKind::kShared);
  const SteadyTime start = simulation.Now();
  int ran = 0;
  bool timer_ran = false;
  loop->Post([&] { loop->Post([&] { ++ran; }); });
  auto timer = loop->After(1ms, [&] { timer_ran = true; });
  simulation.Settle();
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(timer_ran);
  EXPECT_EQ(simulation.Now(), start);
}

TEST(SimulationTest, WallClockFollowsVirtualTimeAndJumps) {
  Simulation simulation(1);
  Machine& one = simulation.AddMachine("one");
  Machine& two = simulation.AddMachine("two");
  const WallTime start = one.runtime().clock().Now();
  EXPECT_GT(start, WallTime(std::chrono::sys_days(std::chrono::year(2020) / 1 / 1)));
  simulation.RunFor(10s);
  EXPECT_EQ(one.runtime().clock().Now() - start, 10s);
  two.JumpClock(-1h);
  EXPECT_EQ(two.runtime().clock().Now() - start, 10s - 1h);
  EXPECT_EQ(one.runtime().clock().Now() - start, 10s);
}

TEST(SimulationTest, CrashedProcessNeverRunsAgain) {
  Simulation simulation(1);
  Machine& machine = simulation.AddMachine("m");
  Runtime& old_runtime = machine.runtime();
  auto loop = old_runtime.NewLoop("l", LoopKind::kShared);
  auto captured = std::make_shared<int>(0);
  bool ran = false;
  loop->Post([&, captured] { ran = true; });
  auto timer = loop->After(1ms, [&, captured] { ran = true; });
  machine.Crash();
  EXPECT_EQ(captured.use_count(), 1) << "the dead process's callbacks are gone";
  loop->Post([&, captured] { ran = true; });
  auto late = loop->After(1ms, [&] { ran = true; });
  auto orphan = old_runtime.NewLoop("orphan", LoopKind::kShared);
  orphan->Post([&] { ran = true; });
  simulation.RunFor(1s);
  EXPECT_FALSE(ran);
  EXPECT_NE(&machine.runtime(), &old_runtime);
  bool fresh = false;
  auto fresh_loop = machine.runtime().NewLoop("l", LoopKind::kShared);
  fresh_loop->Post([&] { fresh = true; });
  simulation.Settle();
  EXPECT_TRUE(fresh);
}

TEST(SimulationTest, MachinesMayCrashFromTheirOwnCallbacks) {
  Simulation simulation(1);
  Machine& machine = simulation.AddMachine("m");
  auto loop = machine.runtime().NewLoop("l", LoopKind::kShared);
  bool ran = false;
  loop->Post([&] {
    loop->Post([&] { ran = true; });
    machine.Crash();
    loop->Post([&] { ran = true; });
  });
  simulation.Settle();
  EXPECT_FALSE(ran);
}

TEST(SimulationTest, ObjectsMayOutliveTheSimulation) {
  std::unique_ptr<Loop> loop;
  std::unique_ptr<Timer> timer;
  auto captured = std::make_shared<int>(0);
  {
    Simulation simulation(1);
    loop = simulation.AddMachine("m").runtime().NewLoop("l", LoopKind::kShared);
    loop->Post([captured] {});
    timer = loop->After(1s, [captured] {});
  }
  EXPECT_EQ(captured.use_count(), 1);
  loop->Post([captured] {});
  EXPECT_EQ(captured.use_count(), 1);
}

}  // namespace
}  // namespace swarm
