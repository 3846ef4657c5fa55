// Groups of the plugin under crashes with torn disks, partitions and lost connections: one history,
// and nothing of it is ever lost. SWARM_RAFT_SEED=N replays one seed, SWARM_SOAK=1 runs many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "group_rig.h"

namespace swarm::raft::testing {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

struct Totals {
  std::uint64_t steps = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t crashes = 0;
  std::uint64_t partitions = 0;
  std::uint64_t broken = 0;
  std::uint64_t torn = 0;
  std::uint64_t lost = 0;
  int elections = 0;
  int restores = 0;
  int transfers = 0;
};

class Chaos {
 public:
  Chaos(std::uint64_t seed, int members)
      : rig_(seed, members, {.snapshot_interval = seed % 3 == 0 ? 0U : 12U}),
        random_(rig_.simulation().random()) {}

  std::string Run(int events, Totals& totals) {
    if (!rig_.Form()) return "the group did not form: " + rig_.Check();
    for (int i = 0; i < events && rig_.Check().empty(); ++i) {
      Event(totals);
      rig_.RunUntil([] { return false; }, Duration(random_.Below(400'000'000)));
    }
    if (rig_.Check().empty()) Calm();
    totals.steps += rig_.simulation().steps();
    totals.acknowledged += rig_.acknowledged();
    totals.elections += rig_.elections();
    totals.restores += rig_.restores();
    totals.broken += rig_.net().counters().broken_connections;
    for (int at = 0; at < rig_.size(); ++at) {
      totals.torn += rig_.machine(at).disk().torn_writes();
      totals.lost += rig_.machine(at).disk().lost_writes();
    }
    return rig_.Check().empty() ? wrong_ : rig_.Check();
  }

 private:
  void Event(Totals& totals) {
    const int at = static_cast<int>(random_.Below(static_cast<std::uint64_t>(rig_.size())));
    const int other = (at + 1) % rig_.size();
    switch (random_.Below(12)) {
      case 0:
        if (rig_.up(at)) {
          ++totals.crashes;
          rig_.Crash(at);
        }
        break;
      case 1:
        if (rig_.up(at)) {
          ++totals.crashes;
          rig_.CrashAtNextSync(at);
        }
        break;
      case 2:
      case 3:
        if (!rig_.up(at)) rig_.Start(at);
        break;
      case 4:
        ++totals.partitions;
        rig_.net().Partition(rig_.machine(at), rig_.machine(other));
        break;
      case 5:
        rig_.net().HealAll();
        break;
      case 6:
        rig_.net().SetLoss(random_.Below(3) == 0 ? 0.02 : 0.0);
        break;
      case 7:
        if (rig_.Leader() >= 0) {
          ++totals.transfers;
          static_cast<void>(rig_.raft(rig_.Leader()).TransferLeadership());
        }
        break;
      default:
        if (rig_.Leader() >= 0) rig_.Propose(rig_.Leader(), 1 + static_cast<int>(random_.Below(6)));
        break;
    }
  }

  // The faults end: everybody is there again, has everything, and the group works.
  void Calm() {
    rig_.NoMoreCrashes();
    rig_.net().HealAll();
    rig_.net().SetLoss(0);
    for (int at = 0; at < rig_.size(); ++at) {
      if (!rig_.up(at)) rig_.Start(at);
    }
    if (!rig_.CommitOne()) {
      wrong_ = "nothing can be committed after the faults";
    } else if (!rig_.Agree()) {
      wrong_ = "members do not agree after the faults";
    }
    for (int at = 0; at < rig_.size() && wrong_.empty(); ++at) {
      if (!rig_.StartOutcome(at).ok())
        wrong_ = "a restart failed: " + rig_.StartOutcome(at).ToString();
    }
  }

  GroupRig rig_;
  Random& random_;
  std::string wrong_;
};

TEST(RaftChaosTest, OneHistoryWhateverHappens) {
  std::uint64_t first = 1;
  std::uint64_t count = std::getenv("SWARM_SOAK") != nullptr ? 20000 : 200;
  if (const char* seed = std::getenv("SWARM_RAFT_SEED")) {
    first = std::strtoull(seed, nullptr, 10);
    count = 1;
  }
  Totals totals;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Chaos chaos(seed, seed % 4 == 0 ? 5 : 3);
    const std::string wrong = chaos.Run(100, totals);
    ASSERT_EQ(wrong, "") << "replay with SWARM_RAFT_SEED=" << seed;
  }
  std::cout << "groups " << count << ", steps " << totals.steps << ", acknowledged "
            << totals.acknowledged << ", elections " << totals.elections << ", crashes "
            << totals.crashes << ", partitions " << totals.partitions << ", connections broken "
            << totals.broken << ", writes torn " << totals.torn << " and lost " << totals.lost
            << ", snapshots installed or loaded " << totals.restores << ", transfers "
            << totals.transfers << "\n";
  if (count < 10) return;
  EXPECT_GT(totals.acknowledged, count * 20);
  EXPECT_GT(totals.elections, static_cast<int>(count) * 2);
  EXPECT_GT(totals.crashes, count);
  EXPECT_GT(totals.torn, 0U);
  EXPECT_GT(totals.restores, 0);
  EXPECT_GT(totals.partitions, count);
}

}  // namespace
}  // namespace swarm::raft::testing
