// The timing profile of a group whose members come, go and change their make.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "group_rig.h"
#include "swarm/rpc_typed.h"

namespace swarm::raft::testing {
namespace {

namespace pb = ::docker::swarmkit::v1;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

class RaftProfileTest : public ::testing::Test {
 protected:
  // All but the last `later` members, formed.
  void Make(int members, int later, GroupRig::Settings settings, std::uint64_t seed = 7) {
    rig_ = std::make_unique<GroupRig>(seed, members, std::move(settings));
    rig_->Start(0);
    ASSERT_TRUE(rig_->AwaitLeader());
    for (int at = 1; at < members - later; ++at) {
      Join(at);
      ASSERT_EQ(rig_->StartOutcome(at), Status::Ok());
    }
    ASSERT_TRUE(MembersAre(static_cast<std::size_t>(members - later)));
  }
  void TearDown() override {
    if (rig_) {
      EXPECT_EQ(rig_->Check() + wrong_, "");
    }
  }
  void Join(int at) {
    rig_->Start(at, rig_->Leader());
    ASSERT_TRUE(RunLoaded([&] { return rig_->Started(at); }));
  }
  Status Leave(int from, int at) {
    pb::LeaveRequest request;
    request.mutable_node()->set_raft_id(rig_->IdOf(at).value());
    std::optional<Status> result;
    const int leader = rig_->Leader();
    auto channel = rig_->network(from).Dial(GroupRig::Address(leader), {});
    CallOptions options;
    options.timeout = 60s;
    CallUnary<pb::LeaveResponse>(**channel, "/docker.swarmkit.v1.RaftMembership/Leave", options,
                                 std::move(request),
                                 [&result](const auto& reply) { result = reply.status(); });
    RunLoaded([&] { return result.has_value(); });
    return result.value_or(Status(Code::kDeadlineExceeded, "no answer"));
  }
  bool MembersAre(std::size_t count) {
    return rig_->RunUntil([&] {
      for (int at = 0; at < rig_->size(); ++at) {
        if (rig_->up(at) && rig_->raft(at).Members().size() != count) return false;
      }
      return true;
    });
  }
  bool Become(Profile profile) {
    return RunLoaded([&] {
      for (int at = 0; at < rig_->size(); ++at) {
        if (rig_->up(at) && !foreign_.contains(at) && !rig_->Is(at, profile)) return false;
      }
      return true;
    });
  }
  // With proposals all the while.
  bool RunLoaded(const std::function<bool()>& condition, Duration limit = 300s) {
    const SteadyTime end = rig_->simulation().Now() + limit;
    while (rig_->simulation().Now() < end) {
      const int leader = rig_->Leader();
      if (leader >= 0) rig_->Propose(leader, 2);
      if (rig_->RunUntil([&] { return Watch(), condition() || !wrong_.empty(); }, 50ms))
        return wrong_.empty();
    }
    return false;
  }
  void Settle(Duration time) {
    RunLoaded([] { return false; }, time);
  }
  // One of another make is a member of a group whose others of ours are not all compatible.
  void Watch() {
    for (int at = 0; at < rig_->size(); ++at) {
      if (!rig_->up(at) || foreign_.contains(at) || !rig_->Is(at, Profile::kFast)) continue;
      for (const Member& member : rig_->raft(at).Members()) {
        for (const int foreign : foreign_) {
          if (member.node_id == GroupRig::NodeId(foreign)) wrong_ = "fast beside a foreign member";
        }
      }
    }
  }
  Duration Failover() {
    const int leader = rig_->Leader();
    rig_->Crash(leader);
    const SteadyTime killed = rig_->simulation().Now();
    EXPECT_TRUE(rig_->AwaitLeader());
    const Duration took = rig_->simulation().Now() - killed;
    rig_->Start(leader);
    return took;
  }

  std::set<int> foreign_;
  std::string wrong_;
  std::unique_ptr<GroupRig> rig_;
};

TEST_F(RaftProfileTest, AGroupOfOursBecomesFastByItself) {
  Make(3, 0, {});
  ASSERT_TRUE(Become(Profile::kFast));
  for (int round = 0; round < 3; ++round) {
    EXPECT_LT(Failover(), 3s);
    ASSERT_TRUE(Become(Profile::kFast));
  }
}

// An engine that joins and leaves, again and again, while there is work to do.
TEST_F(RaftProfileTest, AForeignMemberComesAndGoesUnderLoadAndNobodyIsElected) {
  const std::uint64_t seeds = std::getenv("SWARM_SOAK") ? 300 : 8;
  int switches = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    foreign_ = {3};
    Make(4, 1, {.snapshot_interval = seed % 2 == 0 ? 20U : 0U, .foreign = foreign_}, seed);
    ASSERT_TRUE(Become(Profile::kFast));
    const int elections = rig_->elections();
    for (int round = 0; round < 2; ++round) {
      Join(3);
      ASSERT_EQ(rig_->StartOutcome(3), Status::Ok());
      Settle(round == 0 ? 25s : 1s);
      ASSERT_TRUE(rig_->Is(0, Profile::kCompatible));
      ASSERT_EQ(Leave(0, 3), Status::Ok());
      rig_->Crash(3);
      rig_->Wipe(3);
      ASSERT_TRUE(Become(Profile::kFast));
      switches += 2;
      Settle(5s);
    }
    ASSERT_EQ(rig_->elections(), elections);
    ASSERT_EQ(rig_->Check() + wrong_, "");
  }
  std::cout << "switches: " << switches << "\n";
}

TEST_F(RaftProfileTest, AMemberThatIsAwayKeepsForeignOnesOutAndIsNamed) {
  foreign_ = {3};
  Make(4, 1, {.foreign = foreign_});
  ASSERT_TRUE(Become(Profile::kFast));
  const int elections = rig_->elections();
  const int away = (rig_->Leader() + 1) % 3;
  rig_->Crash(away);
  Join(3);
  const Status refused = rig_->StartOutcome(3);
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  for (const std::string& part : {GroupRig::NodeId(away), GroupRig::Address(away),
                                  std::string("start it again, or remove it from the managers")}) {
    EXPECT_NE(refused.message().find(part), std::string::npos) << refused;
  }
  EXPECT_EQ(rig_->raft(rig_->Leader()).Members().size(), 3u);
  EXPECT_TRUE(rig_->Is(rig_->Leader(), Profile::kFast)) << "nobody is slowed down in vain";
  rig_->Crash(3);
  rig_->Wipe(3);
  rig_->Start(away);
  Settle(3s);
  Join(3);
  EXPECT_EQ(rig_->StartOutcome(3), Status::Ok());
  EXPECT_TRUE(Become(Profile::kCompatible));
  EXPECT_EQ(rig_->elections(), elections);
}

// The switch is agreed on, but one member does not hear of it.
TEST_F(RaftProfileTest, AMemberThatDoesNotFollowKeepsForeignOnesOut) {
  foreign_ = {3};
  Make(4, 1, {.foreign = foreign_});
  ASSERT_TRUE(Become(Profile::kFast));
  const int leader = rig_->Leader();
  const int deaf = (leader + 1) % 3;
  const int other = (leader + 2) % 3;
  rig_->Start(3, leader);
  // It has answered, and then is cut off.
  ASSERT_TRUE(rig_->RunUntil([&] { return rig_->Is(leader, Profile::kCompatible); }));
  ASSERT_TRUE(rig_->Is(deaf, Profile::kFast));
  rig_->net().Partition(rig_->machine(deaf), rig_->machine(leader));
  rig_->net().Partition(rig_->machine(deaf), rig_->machine(other));
  ASSERT_TRUE(RunLoaded([&] { return rig_->Started(3); }));
  const Status refused = rig_->StartOutcome(3);
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_NE(refused.message().find(GroupRig::NodeId(deaf)), std::string::npos) << refused;
  EXPECT_EQ(rig_->raft(leader).Members().size(), 3u);
  rig_->Crash(3);
  rig_->net().HealAll();
  EXPECT_TRUE(Become(Profile::kFast));
}

// The same node with a Docker Engine in our swarmd's place, and back.
TEST_F(RaftProfileTest, AMemberMayChangeItsMake) {
  Make(3, 0, {});
  ASSERT_TRUE(Become(Profile::kFast));
  const int changed = (rig_->Leader() + 1) % 3;
  const int elections = rig_->elections();
  rig_->Crash(changed);
  rig_->SetForeign(changed, true);
  rig_->Start(changed);
  foreign_ = {};  // it was a member before anybody could know
  ASSERT_TRUE(RunLoaded([&] { return rig_->All(Profile::kCompatible); }));
  Settle(25s);
  EXPECT_TRUE(rig_->All(Profile::kCompatible));
  rig_->Crash(changed);
  rig_->SetForeign(changed, false);
  rig_->Start(changed);
  ASSERT_TRUE(Become(Profile::kFast));
  EXPECT_EQ(rig_->elections(), elections);
}

TEST_F(RaftProfileTest, OneWithTicksGivenKeepsTheGroupSlow) {
  for (const int given : {0, 2}) {
    Make(3, 0, {.ticks_given = {given}});
    const int elections = rig_->elections();
    Settle(30s);
    EXPECT_TRUE(rig_->All(Profile::kCompatible));
    EXPECT_EQ(rig_->elections(), elections);
    EXPECT_GT(Failover(), 5s);
    EXPECT_EQ(rig_->Check(), "");
  }
}

// A cluster that other managers had in their hands, or whose label a user changed through one of
// them, may say that it is fast. Members of ours see for themselves that their leader is not.
TEST_F(RaftProfileTest, UnderAForeignLeaderAForgedLabelChangesNothing) {
  foreign_ = {2};
  // Its heartbeats come too late for all that are fast.
  Make(3, 0, {.election_timeout = 500ms, .foreign = foreign_});
  EXPECT_TRUE(rig_->Is(0, Profile::kCompatible));
  for (int tries = 0; tries < 20 && rig_->Leader() != 2; ++tries) {
    static_cast<void>(rig_->raft(rig_->Leader()).TransferLeadership());
    Settle(2s);
    ASSERT_TRUE(rig_->AwaitLeader());
  }
  ASSERT_EQ(rig_->Leader(), 2);
  const int elections = rig_->elections();
  foreign_ = {};  // the forgery itself is none of ours
  rig_->WriteLabel(2, Profile::kFast);
  ASSERT_TRUE(rig_->RunUntil([&] { return rig_->All(Profile::kFast); }));
  // All the time, not only at the end: one that gives it up finds it again with its next word.
  const bool gave_up = rig_->RunUntil(
      [&] {
        return rig_->raft(0).Leader().node_id != GroupRig::NodeId(2) ||
               rig_->raft(1).Leader().node_id != GroupRig::NodeId(2);
      },
      120s);
  EXPECT_FALSE(gave_up);
  EXPECT_EQ(rig_->Leader(), 2);
  EXPECT_EQ(rig_->elections(), elections) << "its heartbeats come once a second, which is enough";
  // The next leader of ours puts it right.
  rig_->Crash(2);
  ASSERT_TRUE(rig_->AwaitLeader());
  rig_->Start(2);
  EXPECT_TRUE(RunLoaded([&] { return rig_->All(Profile::kCompatible); }));
}

// Heartbeats are as upstream's when nobody needs more, and not before that is known.
TEST_F(RaftProfileTest, ALeaderHurriesAsLongAsSomebodyMayBeFast) {
  foreign_ = {3};
  Make(4, 1, {.foreign = foreign_});
  const auto calls_a_second = [this] {
    rig_->RunUntil([] { return false; }, 5s);
    const std::uint64_t before = rig_->net().counters().calls;
    rig_->RunUntil([] { return false; }, 20s);
    return (rig_->net().counters().calls - before) / 20;
  };
  ASSERT_TRUE(Become(Profile::kFast));
  EXPECT_GT(calls_a_second(), 35u) << "two followers, ten heartbeats and answers";
  Join(3);
  ASSERT_TRUE(Become(Profile::kCompatible));
  EXPECT_LT(calls_a_second(), 20u) << "three followers, one heartbeat and answer";

  // A new leader does not know what one that is away keeps to.
  const int away = (rig_->Leader() + 1) % 3;
  rig_->Crash(away);
  for (int tries = 0; tries < 20 && (tries == 0 || rig_->Leader() == 3); ++tries) {
    const int before = rig_->Leader();
    rig_->Crash(before);
    rig_->Start(before);
    ASSERT_TRUE(rig_->AwaitLeader());
  }
  ASSERT_NE(rig_->Leader(), 3);
  EXPECT_GT(calls_a_second(), 35u);
  rig_->Start(away);
  EXPECT_LT(calls_a_second(), 20u);
}

TEST_F(RaftProfileTest, ANewLeaderGoesOnWithASwitch) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    foreign_ = {3};
    Make(4, 1, {.foreign = foreign_}, seed);
    ASSERT_TRUE(Become(Profile::kFast));
    rig_->Start(3, rig_->Leader());
    Random& random = rig_->simulation().random();
    rig_->RunUntil([] { return false; }, Duration(random.Below(60'000'000)));
    const int leader = rig_->Leader();
    if (leader < 0) continue;
    rig_->Crash(leader);
    ASSERT_TRUE(RunLoaded([&] { return rig_->Leader() >= 0 && rig_->Leader() != leader; }));
    rig_->Start(leader);
    ASSERT_TRUE(RunLoaded([&] { return rig_->Started(3); }));
    const bool joined = rig_->StartOutcome(3).ok();
    if (!joined) rig_->Crash(3);
    Settle(40s);
    // Whether it came in depends on the moment; the profile is the right one in any case.
    const std::size_t members = rig_->raft(rig_->Leader()).Members().size();
    EXPECT_TRUE(Become(members == 4 ? Profile::kCompatible : Profile::kFast));
    ASSERT_EQ(rig_->Check() + wrong_, "");
  }
}

}  // namespace
}  // namespace swarm::raft::testing
