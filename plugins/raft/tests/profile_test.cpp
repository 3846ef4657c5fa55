// What the group's timing profile follows from, where it is read and how it is written.
#include <gtest/gtest.h>

#include "consensus/timing_label.h"
#include "fakes/reference_store.h"
#include "profile.h"
#include "profile_plan.h"
#include "swarm/simulation.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"
#include "timing_unit.h"

namespace swarm::raft {
namespace {

namespace pb = ::docker::swarmkit::v1;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

pb::Cluster Labelled(const std::string& value) {
  pb::Cluster cluster;
  cluster.set_id("cluster");
  auto& annotations = *cluster.mutable_spec()->mutable_annotations();
  annotations.set_name("default");
  (*annotations.mutable_labels())["mine"] = "kept";
  if (!value.empty()) {
    (*annotations.mutable_labels())[std::string(consensus::kTimingLabel)] = value;
  }
  return cluster;
}

TEST(ProfileTest, OnlyTheWordFastIsFast) {
  EXPECT_EQ(ProfileOf(Labelled("fast")), Profile::kFast);
  for (const char* value : {"", "compatible", "FAST", "fast ", "1"}) {
    EXPECT_EQ(ProfileOf(Labelled(value)), Profile::kCompatible) << value;
  }
}

TEST(ProfileTest, IsFoundAmongOtherChangesOfARequest) {
  pb::InternalRaftRequest request;
  request.set_id(7);
  request.add_action()->mutable_task()->set_id("t");
  EXPECT_EQ(ProfileInRequest(request.SerializeAsString()), std::nullopt);
  pb::StoreAction* action = request.add_action();
  action->set_action(pb::STORE_ACTION_UPDATE);
  *action->mutable_cluster() = Labelled("fast");
  request.add_action()->mutable_node()->set_id("n");
  EXPECT_EQ(ProfileInRequest(request.SerializeAsString()), Profile::kFast);
  *action->mutable_cluster() = Labelled("");
  EXPECT_EQ(ProfileInRequest(request.SerializeAsString()), Profile::kCompatible);
  *action->mutable_cluster() = Labelled("fast");
  action->set_action(pb::STORE_ACTION_REMOVE);
  EXPECT_EQ(ProfileInRequest(request.SerializeAsString()), Profile::kCompatible);
  EXPECT_EQ(ProfileInRequest("\x12\xff nonsense"), std::nullopt);
  EXPECT_EQ(ProfileInRequest(""), std::nullopt);
}

TEST(ProfileTest, IsFoundInASnapshot) {
  pb::StoreSnapshot store;
  store.add_tasks()->set_id("t");
  EXPECT_EQ(ProfileInStore(store.SerializeAsString()), Profile::kCompatible);
  *store.add_clusters() = Labelled("fast");
  EXPECT_EQ(ProfileInStore(store.SerializeAsString()), Profile::kFast);
}

TEST(ProfileTest, IsWrittenBesideTheOtherLabels) {
  Simulation sim(1);
  fakes::ReferenceStore store(sim.AddMachine("m").runtime());
  sim.Settle();
  const auto update = [&](TransactionFn fn) {
    Status outcome(Code::kInternal, "no outcome");
    store.writer()->Update(std::move(fn),
                           [&](const Result<Index>& done) { outcome = done.status(); });
    sim.Settle();
    return outcome;
  };
  const auto write = [&](Profile profile) {
    return update([profile](Transaction& tx) { return WriteProfile(tx, profile); });
  };
  EXPECT_EQ(write(Profile::kFast), Status::Ok()) << "before there is a cluster";
  ASSERT_EQ(update([](Transaction& tx) {
              return tx.Create(std::make_shared<pb::Cluster>(Labelled("")));
            }),
            Status::Ok());
  for (const Profile profile : {Profile::kFast, Profile::kCompatible, Profile::kFast}) {
    ASSERT_EQ(write(profile), Status::Ok());
    const auto cluster = store.Read()->Get<pb::Cluster>("cluster");
    EXPECT_EQ(ProfileOf(*cluster), profile);
    EXPECT_EQ(cluster->spec().annotations().labels().at("mine"), "kept");
    const auto version = cluster->meta().version().index();
    ASSERT_EQ(write(profile), Status::Ok());
    EXPECT_EQ(store.Read()->Get<pb::Cluster>("cluster")->meta().version().index(), version)
        << "nothing is written twice";
  }
}

TEST(TicksTest, BothProfilesCountTheSameTicks) {
  const Ticks ticks({});
  EXPECT_EQ(ticks.length(), 100ms);
  EXPECT_EQ(ticks.Of(Profile::kFast, false), (Timing{10, 1, true}));
  EXPECT_EQ(ticks.Of(Profile::kFast, true), (Timing{10, 1, true}));
  EXPECT_EQ(ticks.Of(Profile::kCompatible, false), (Timing{100, 10, false}));
  EXPECT_EQ(ticks.Of(Profile::kCompatible, true), (Timing{100, 1, false}));
}

TEST(TicksTest, AnySettingKeepsHeartbeatsInTime) {
  for (const Duration timeout : {Duration(100ms), Duration(350ms), Duration(10s), Duration(600s)}) {
    for (const int heartbeat : {0, 1, 7}) {
      MemberOptions options;
      options.election_timeout = timeout;
      options.heartbeat_tick = heartbeat;
      options.election_tick = heartbeat == 0 ? 0 : heartbeat + 1;
      ASSERT_EQ(CheckOptions(options), Status::Ok());
      const Ticks ticks(options);
      for (const Profile profile : {Profile::kFast, Profile::kCompatible}) {
        for (const bool hurried : {false, true}) {
          const Timing timing = ticks.Of(profile, hurried);
          EXPECT_LT(timing.heartbeat_ticks, timing.election_ticks);
          const bool fast = profile == Profile::kFast && !options.never_fast();
          EXPECT_EQ(timing.pre_vote, fast);
        }
      }
      const Timing compatible = ticks.Of(Profile::kCompatible, false);
      const auto near = [&ticks](int count, Duration time) {
        return count * ticks.length() > time * 9 / 10 && count * ticks.length() < time * 11 / 10;
      };
      EXPECT_TRUE(near(compatible.election_ticks, heartbeat == 0 ? 10s : (heartbeat + 1) * 1s));
      EXPECT_TRUE(near(compatible.heartbeat_ticks, heartbeat == 0 ? 1s : heartbeat * 1s));
    }
  }
}

TEST(TicksTest, GivenTicksAreThoseOfBothProfiles) {
  MemberOptions options;
  options.election_tick = 5;
  const Ticks ticks(options);
  EXPECT_EQ(ticks.Of(Profile::kFast, false), (Timing{50, 10, false}));
  EXPECT_EQ(ticks.Of(Profile::kCompatible, false), (Timing{50, 10, false}));
  EXPECT_EQ(ticks.Of(Profile::kFast, true).heartbeat_ticks, 1) << "others may still be fast";
}

TEST(TicksTest, WithoutPreVoteNobodyIsFast) {
  MemberOptions options;
  options.pre_vote = false;
  EXPECT_TRUE(options.never_fast());
  EXPECT_EQ(Ticks(options).Of(Profile::kFast, false), (Timing{100, 10, false}));
}

TEST(TicksTest, HeartbeatsThatComeTooLateAreRefused) {
  MemberOptions options;
  options.heartbeat_tick = 10;
  const Status bad = CheckOptions(options);
  EXPECT_EQ(bad.code(), Code::kInvalidArgument);
  EXPECT_NE(bad.message().find("election_tick (10) must be greater than heartbeat_tick (10)"),
            std::string::npos)
      << bad;
  options.election_tick = 11;
  EXPECT_EQ(CheckOptions(options), Status::Ok());
}

class ProfilePlanTest : public ::testing::Test {
 protected:
  static TimingAnswer Ours(Profile profile = Profile::kCompatible, std::uint64_t applied = 100,
                           Duration election = 1s) {
    return {Make::kOurs, {profile, {}, Index(applied)}, election};
  }
  static TimingAnswer Foreign() { return {Make::kForeign, {}, {}}; }
  void InForce(Profile profile, std::uint64_t since = 50) {
    plan_.SetStatus({profile, Index(since), Index(100)});
  }
  void Members(int count) {
    std::vector<RaftId> others;
    for (int id = 2; id <= count; ++id) others.push_back(RaftId(static_cast<std::uint64_t>(id)));
    plan_.SetMembers(others);
  }

  ProfilePlan plan_{1s};
};

TEST_F(ProfilePlanTest, OneAloneStaysAsItIs) {
  InForce(Profile::kCompatible, 0);
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible);
  EXPECT_TRUE(plan_.CompatibleEverywhere());
  InForce(Profile::kFast);
  EXPECT_EQ(plan_.Wanted(), Profile::kFast);
  EXPECT_FALSE(plan_.CompatibleEverywhere());
}

TEST_F(ProfilePlanTest, FastOnlyWhenAllHaveAnswered) {
  InForce(Profile::kCompatible);
  Members(3);
  plan_.OnAnswer(RaftId(2), Ours());
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible) << "one counts as foreign";
  plan_.OnAnswer(RaftId(3), Ours());
  EXPECT_EQ(plan_.Wanted(), Profile::kFast);
  plan_.OnAnswer(RaftId(2), {});
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible) << "gone in between";
  plan_.OnAnswer(RaftId(2), Ours());
  Members(4);
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible) << "a new one";
}

TEST_F(ProfilePlanTest, OneThatIsAwayDoesNotSlowAFastGroup) {
  InForce(Profile::kFast);
  Members(3);
  EXPECT_EQ(plan_.Wanted(), Profile::kFast) << "a new leader knows nothing yet";
  plan_.OnAnswer(RaftId(2), Ours(Profile::kFast));
  plan_.OnAnswer(RaftId(2), {});
  EXPECT_EQ(plan_.Wanted(), Profile::kFast);
}

TEST_F(ProfilePlanTest, OneOfAnotherMakeSlowsTheGroupUntilItIsGoneOrOurs) {
  InForce(Profile::kFast);
  Members(3);
  plan_.OnAnswer(RaftId(2), Ours(Profile::kFast));
  plan_.OnAnswer(RaftId(3), Foreign());
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible);
  plan_.OnAnswer(RaftId(3), {});
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible) << "it may come back";
  InForce(Profile::kCompatible);
  EXPECT_TRUE(plan_.Mixed());
  plan_.OnAnswer(RaftId(3), Ours());
  EXPECT_FALSE(plan_.Mixed());
  EXPECT_EQ(plan_.Wanted(), Profile::kFast);
  plan_.OnAnswer(RaftId(3), Foreign());
  Members(2);
  EXPECT_EQ(plan_.Wanted(), Profile::kFast);
}

TEST_F(ProfilePlanTest, OtherTimeoutsAndGivenTicksAreNotFast) {
  InForce(Profile::kCompatible);
  Members(3);
  plan_.OnAnswer(RaftId(2), Ours());
  plan_.OnAnswer(RaftId(3), Ours(Profile::kCompatible, 100, 2s));
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible);
  EXPECT_EQ(plan_.Misfits(), std::vector<RaftId>{RaftId(3)});
  plan_.OnAnswer(RaftId(3), Ours(Profile::kCompatible, 100, 0s));
  EXPECT_EQ(plan_.Misfits(), std::vector<RaftId>{RaftId(3)});
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible);
  plan_.OnAnswer(RaftId(3), Ours());
  EXPECT_EQ(plan_.Wanted(), Profile::kFast);

  ProfilePlan never(Duration{});
  never.SetStatus({Profile::kFast, Index(1), Index(100)});
  EXPECT_EQ(never.Wanted(), Profile::kCompatible);
  EXPECT_FALSE(never.Fits(Ours(Profile::kCompatible, 100, 0s)));
}

TEST_F(ProfilePlanTest, AJoinIsWaitedFor) {
  InForce(Profile::kFast);
  Members(2);
  plan_.OnAnswer(RaftId(2), Ours(Profile::kFast));
  plan_.Hold();
  EXPECT_EQ(plan_.Wanted(), Profile::kCompatible);
  plan_.Release();
  EXPECT_EQ(plan_.Wanted(), Profile::kFast);
}

// The leader's heartbeats may only slow down when nobody needs them, and nobody new be let in.
TEST_F(ProfilePlanTest, WhoHasNotAppliedTheSwitchIsMissing) {
  InForce(Profile::kCompatible, 50);
  Members(4);
  plan_.OnAnswer(RaftId(2), Foreign());
  plan_.OnAnswer(RaftId(3), Ours(Profile::kFast, 49));
  plan_.OnAnswer(RaftId(4), Ours(Profile::kCompatible, 49));
  EXPECT_EQ(plan_.Missing(), (std::vector<RaftId>{RaftId(3), RaftId(4)}))
      << "4 may have an earlier fast one before it";
  EXPECT_FALSE(plan_.MayRelax());
  plan_.OnAnswer(RaftId(3), Ours(Profile::kCompatible, 50));
  plan_.OnAnswer(RaftId(4), Ours(Profile::kCompatible, 51));
  EXPECT_TRUE(plan_.CompatibleEverywhere());
  EXPECT_TRUE(plan_.MayRelax());
  plan_.OnAnswer(RaftId(4), {});
  EXPECT_TRUE(plan_.CompatibleEverywhere()) << "it has it in its log";
  InForce(Profile::kCompatible, 60);
  EXPECT_FALSE(plan_.CompatibleEverywhere());
  Members(2);
  EXPECT_TRUE(plan_.MayRelax());
  Members(1);
  Members(2);
  EXPECT_FALSE(plan_.MayRelax()) << "not known any more";
}

TEST_F(ProfilePlanTest, HeartbeatsHurryBeforeTheGroupIsFast) {
  InForce(Profile::kCompatible, 50);
  Members(2);
  plan_.OnAnswer(RaftId(2), Ours(Profile::kCompatible, 50));
  EXPECT_TRUE(plan_.CompatibleEverywhere());
  EXPECT_EQ(plan_.Wanted(), Profile::kFast);
  EXPECT_FALSE(plan_.MayRelax());
}

}  // namespace
}  // namespace swarm::raft
