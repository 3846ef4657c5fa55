// The store on its log, on a disk that loses and tears whatever was not synced.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "durability_run.h"

namespace swarm::durability {
namespace {

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

void Print(const Counters& c, std::uint64_t runs) {
  std::printf(
      "store durability: %llu runs, %llu transactions, %llu acknowledged, %llu crashes (%llu at a "
      "sync), %llu torn writes, %llu lost writes, %llu refused by plan, %llu without space, %llu "
      "failed syncs, %llu run again, %llu versions made of changes, %llu starts from a snapshot, "
      "%llu found unacknowledged, "
      "%llu most in flight\n",
      static_cast<unsigned long long>(runs), static_cast<unsigned long long>(c.transactions),
      static_cast<unsigned long long>(c.acknowledged), static_cast<unsigned long long>(c.crashes),
      static_cast<unsigned long long>(c.crashes_at_sync),
      static_cast<unsigned long long>(c.torn_writes),
      static_cast<unsigned long long>(c.lost_writes), static_cast<unsigned long long>(c.refused),
      static_cast<unsigned long long>(c.no_space), static_cast<unsigned long long>(c.sync_failures),
      static_cast<unsigned long long>(c.reruns), static_cast<unsigned long long>(c.rebuilt),
      static_cast<unsigned long long>(c.snapshots), static_cast<unsigned long long>(c.adopted),
      static_cast<unsigned long long>(c.most_in_flight));
}

TEST(StoreDurabilityTest, NothingAcknowledgedIsLostAndNothingIsHalfThere) {
  const std::uint64_t only = FromEnvironment("SWARM_SEED", 0);
  const std::uint64_t first = only ? only : 1;
  const std::uint64_t usual = std::getenv("SWARM_SOAK") != nullptr ? 100'000 : 1000;
  const std::uint64_t runs = only ? 1 : FromEnvironment("SWARM_RUNS", usual);
  Counters total;
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    DurabilityRun run({seed, {}, {}});
    const std::string wrong = run.Run();
    total.Add(run.counters());
    ASSERT_EQ(wrong, "") << "seed " << seed << "; run again with SWARM_SEED=" << seed;
  }
  Print(total, runs);
  if (runs < 100) return;
  EXPECT_GT(total.acknowledged, 0u);
  EXPECT_GT(total.crashes_at_sync, 0u);
  EXPECT_GT(total.torn_writes, 0u);
  EXPECT_GT(total.lost_writes, 0u);
  EXPECT_GT(total.refused, 0u);
  EXPECT_GT(total.no_space, 0u);
  EXPECT_GT(total.sync_failures, 0u);
  EXPECT_GT(total.reruns, 0u);
  EXPECT_GT(total.rebuilt, 0u);
  EXPECT_GT(total.snapshots, 0u);
  EXPECT_GT(total.adopted, 0u);
  EXPECT_GT(total.most_in_flight, 1u);
}

TEST(StoreDurabilityTest, SurvivesACrashAtEverySyncOfARun) {
  const std::uint64_t seed = FromEnvironment("SWARM_SEED", 3);
  std::uint64_t syncs = 1;
  for (std::uint64_t at = 0; at < syncs && at < 400; ++at) {
    DurabilityRun run({seed, at, {}});
    ASSERT_EQ(run.Run(), "") << "seed " << seed << ", crash at sync " << at;
    syncs = run.syncs();
  }
}

// Each kind of sync left out in turn: some run must notice.
TEST(StoreDurabilityTest, EverySyncIsNeeded) {
  std::set<std::string> kinds;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    DurabilityRun run({seed, {}, {}});
    ASSERT_EQ(run.Run(), "");
    kinds.insert(run.kinds_of_syncs().begin(), run.kinds_of_syncs().end());
  }
  // Whoever makes the log's folder durable makes the folder above it durable too: the log gets its
  // name by a rename there, which no disk keeps without the folder it happened in.
  kinds.erase("/state");
  ASSERT_GE(kinds.size(), 8u);
  for (const std::string& kind : kinds) {
    bool noticed = false;
    std::uint64_t seed = 0;
    while (!noticed && ++seed <= 400) {
      Plan plan{seed, {}, [&](std::string_view path) { return KindOfSync(path) == kind; }};
      // What happens once, when the log is made, needs an early crash to be noticed.
      if (seed % 2 == 0) plan.crash_at = seed / 2 % 12;
      DurabilityRun run(std::move(plan));
      noticed = !run.Run().empty();
    }
    EXPECT_TRUE(noticed) << "nothing fails without the syncs of " << kind;
    std::printf("without the syncs of %s: noticed by seed %llu\n", kind.c_str(),
                static_cast<unsigned long long>(seed));
  }
}

}  // namespace
}  // namespace swarm::durability
