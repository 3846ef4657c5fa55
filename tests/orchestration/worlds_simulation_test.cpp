// Random worlds, driven in virtual time: whatever happened to them, once it is over every service
// has what it asks for, as far as there is room, no node has more than it can or may have, whoever
// was not concerned was left alone, and a new leader has nothing to mend.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "expectations.h"
#include "random_world.h"

namespace swarm::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kDisturbances[] = {
    "add node",  "remove node", "drain",     "pause",          "activate",       "down",
    "up",        "resize",      "role",      "label",          "scale",          "image",
    "constrain", "reconfigure", "roll back", "remove service", "create service", "delete task",
    "leader",    "fail",        "resume"};

struct Totals {
  std::map<std::string, int> done;
  std::size_t changes = 0;
  std::size_t rejected = 0;
  std::size_t at_rest = 0;   // worlds in which no update waited
  std::size_t compared = 0;  // tasks there that a new leader must leave alone
  Seen seen;
};

using Versions = std::map<std::string, std::uint64_t>;

// "+new -gone ~changed", by id.
std::string Differences(const Versions& before, const Versions& after) {
  std::string out;
  for (const auto& [id, version] : before) {
    const auto found = after.find(id);
    if (found == after.end()) {
      out += " -" + id;
    } else if (found->second != version) {
      out += " ~" + id;
    }
  }
  for (const auto& [id, version] : after) {
    if (!before.contains(id)) out += " +" + id;
  }
  return out;
}

void RunOne(std::uint64_t seed, Totals& totals) {
  RandomWorld world(seed);
  const auto bystanders = world.BystandersTasks();
  ASSERT_EQ(bystanders.size(), 5u) << "seed " << seed;
  world.Disturb(80);
  world.Settle();

  for (const std::string& fault : FindFaults(*world.view(), totals.seen)) {
    ADD_FAILURE() << "seed " << seed << ": " << fault;
  }
  EXPECT_EQ(world.BystandersTasks(), bystanders) << "seed " << seed;

  std::string settled;
  if (!AnyUpdateUnderWay(*world.view())) {
    ++totals.at_rest;
    const auto services = world.Comparable();
    const auto before = world.TaskVersions(services);
    totals.compared += before.size();
    settled = world.Describe();
    world.ChangeLeader();
    world.RunFor(5min);
    EXPECT_EQ(Differences(before, world.TaskVersions(services)), "")
        << "seed " << seed << ": a new leader changed tasks";
  }

  for (const std::string& broken : world.invariants().broken()) {
    ADD_FAILURE() << "seed " << seed << ": " << broken;
  }
  for (const auto& [what, count] : world.done()) totals.done[what] += count;
  totals.changes += world.invariants().checked();
  totals.rejected += world.invariants().rejected();
  if (testing::Test::HasFailure()) {
    std::printf("at rest:\n%safter all:\n%s", settled.c_str(), world.Describe().c_str());
  }
}

TEST(WorldsSimulationTest, EverythingIsAsAskedOnceItIsOver) {
  const char* only = std::getenv("SWARM_SEED");
  const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t seeds = only ? 1 : std::getenv("SWARM_SOAK") ? 5000 : 60;
  Totals totals;
  for (std::uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) {
    RunOne(seed, totals);
  }
  std::printf(
      "%llu worlds: %zu task changes checked, %zu rejected by the enforcer; at rest %zu running, "
      "%zu waiting, %zu in history;",
      static_cast<unsigned long long>(seeds), totals.changes, totals.rejected, totals.seen.running,
      totals.seen.waiting, totals.seen.history);
  for (const auto& [what, count] : totals.done) std::printf(" %s %d", what.c_str(), count);
  std::printf("\n");
  if (only) return;
  for (const char* what : kDisturbances) EXPECT_GT(totals.done[what], 0) << what;
  EXPECT_GT(totals.rejected, 0u);
  EXPECT_GT(totals.at_rest, 0u);
  EXPECT_GT(totals.compared, 0u);
  EXPECT_GT(totals.seen.running, 0u);
  EXPECT_GT(totals.seen.waiting, 0u);
  EXPECT_GT(totals.seen.history, 0u);
}

}  // namespace
}  // namespace swarm::test
