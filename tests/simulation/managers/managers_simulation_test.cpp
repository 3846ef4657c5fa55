// Groups of managers with the real store under everything that can fail. SWARM_SEED=N replays one
// seed, SWARM_SOAK=1 runs many.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include "group_life.h"

namespace swarm::managers {
namespace {

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

Plan PlanOf(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  plan.managers = seed % 4 == 0 ? 5 : 3;
  plan.snapshot_interval = seed % 3 == 0 ? 0 : 15;
  return plan;
}

TEST(ManagersSimulationTest, EveryAnswerIsRightWhateverFails) {
  const std::uint64_t only = FromEnvironment("SWARM_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t count =
      only != 0 ? 1 : FromEnvironment("SWARM_RUNS", std::getenv("SWARM_SOAK") ? 20'000 : 100);
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t processor = std::clock();
  Counters total;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    GroupLife life(PlanOf(seed));
    ASSERT_EQ(life.Run(), "") << "replay with SWARM_SEED=" << seed;
    EXPECT_GE(life.counters().steps, 2000U) << "seed " << seed;
    EXPECT_GE(life.counters().acknowledged, 50U) << "seed " << seed;
    EXPECT_GE(life.counters().faults(), 5U) << "seed " << seed;
    total.Add(life.counters());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double busy = static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC;
  std::cout << "groups: " << count
            << ", a minute: " << static_cast<double>(count) * 60 / took.count()
            << ", of a processor's time: " << static_cast<double>(count) * 60 / busy << "\n";
  for (const auto& [name, member] : Counters::kAll) {
    std::cout << name << ": " << total.*member << "\n";
    EXPECT_TRUE(count < 20 || total.*member > 0) << name << " never happened";
  }
}

TEST(ManagersSimulationTest, TheFounderCrashesAtEverySyncOfItsFirstSteps) {
  for (std::uint64_t at = 0; at < 12; ++at) {
    Plan plan = PlanOf(at + 1);
    plan.founder_crashes_at = at;
    ASSERT_EQ(GroupLife(std::move(plan)).Run(), "") << "seed " << at + 1 << ", sync " << at;
  }
}

TEST(ManagersSimulationTest, SeedsReplayExactly) {
  for (const std::uint64_t seed : {3, 4}) {
    GroupLife first(PlanOf(seed));
    GroupLife second(PlanOf(seed));
    EXPECT_EQ(first.Run(), second.Run());
    EXPECT_EQ(first.counters(), second.counters()) << "seed " << seed;
  }
}

// A manager that was cut off answers as if it led.
TEST(ManagersSimulationTest, ReadsThatNobodyConfirmedAreNoticed) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Plan plan = PlanOf(seed);
    plan.unconfirmed_reads = true;
    if (const std::string wrong = GroupLife(std::move(plan)).Run(); !wrong.empty()) {
      std::cout << "noticed by seed " << seed << ": " << wrong << "\n";
      return;
    }
  }
  FAIL() << "no seed notices";
}

// Each kind of sync left out in turn, on all machines: some seed must notice.
TEST(ManagersSimulationTest, EverySyncIsNeeded) {
  std::set<std::string> kinds;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    GroupLife life(PlanOf(seed));
    ASSERT_EQ(life.Run(), "");
    kinds.insert(life.kinds_of_syncs().begin(), life.kinds_of_syncs().end());
  }
  // Whoever makes the log's folder durable makes the folder above it durable too: the log gets its
  // name by a rename there, which no disk keeps without the folder it happened in.
  kinds.erase("/state");
  ASSERT_GE(kinds.size(), 5U);
  for (const std::string& kind : kinds) {
    bool noticed = false;
    std::uint64_t seed = 0;
    while (!noticed && ++seed <= 150) {
      Plan plan = PlanOf(seed);
      plan.forget = [&kind](std::string_view path) { return KindOfSync(path) == kind; };
      // What happens once, when the log is made, needs an early crash to be noticed.
      if (seed % 2 == 0) plan.founder_crashes_at = seed / 2 % 12;
      noticed = !GroupLife(std::move(plan)).Run().empty();
    }
    std::cout << "without the syncs of " << kind << ": "
              << (noticed ? "noticed by seed " + std::to_string(seed) : "not noticed") << std::endl;
    EXPECT_TRUE(noticed) << "nothing fails without the syncs of " << kind;
  }
}

}  // namespace
}  // namespace swarm::managers
