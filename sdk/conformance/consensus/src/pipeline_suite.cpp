// Order, epochs and refusals: what the store's pipeline rests on.
#include <gmock/gmock.h>

#include <optional>

#include "conformance/consensus_suite.h"
#include "swarm/store_errors.h"

namespace swarm::conformance {

// Some programs use only the rig, or keep their log in memory.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ConsensusSuite);

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(ConsensusSuite, LeadsOnceStartedAndSaysSoOnce) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Settle();
  EXPECT_EQ(rig_.state().times_leader(), 1);
  EXPECT_GT(rig_.state().leadership().value(), 0U);
  EXPECT_EQ(rig_.state().commit_at_leader(), rig_.consensus().CommitIndex());
  EXPECT_THAT(rig_.state().Names(), IsEmpty());
}

TEST_P(ConsensusSuite, ShowsItselfAsMemberAndLeader) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const std::vector<Member> members = rig_.consensus().Members();
  ASSERT_EQ(members.size(), 1U);
  EXPECT_TRUE(members[0].self);
  EXPECT_TRUE(members[0].leader);
  EXPECT_TRUE(members[0].reachable);
  EXPECT_EQ(members[0].node_id, "node-1");
  EXPECT_EQ(members[0].address, "127.0.0.1:4242");
  EXPECT_GT(members[0].raft_id.value(), 0U);
  const LeaderInfo leader = rig_.consensus().Leader();
  EXPECT_TRUE(leader.self);
  EXPECT_EQ(leader.node_id, "node-1");
}

TEST_P(ConsensusSuite, RefusesToTransferWithNobodyToTakeOver) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_EQ(rig_.consensus().TransferLeadership().code(), Code::kFailedPrecondition);
}

TEST_P(ConsensusSuite, CommitsInOrderWithoutWaitingBetween) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const Index before = rig_.consensus().CommitIndex();
  const std::vector<std::string> names = rig_.Commit(100);
  EXPECT_EQ(rig_.state().Names(), names);
  EXPECT_THAT(rig_.state().refusals(), IsEmpty());
  EXPECT_GE(rig_.consensus().CommitIndex().value(), before.value() + 100);
  EXPECT_EQ(rig_.consensus().CommitIndex(), rig_.state().last_index());
}

TEST_P(ConsensusSuite, OpensEpochsOnlyForTheCurrentLeadership) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const LeaderEpoch current = rig_.state().leadership();
  for (const LeaderEpoch other : {LeaderEpoch(0), LeaderEpoch(current.value() + 1)}) {
    EXPECT_EQ(rig_.consensus().OpenEpoch(other).status().code(), Code::kUnavailable);
  }
  EXPECT_TRUE(rig_.consensus().OpenEpoch(current).ok());
}

TEST_P(ConsensusSuite, RefusesEverythingAfterTheFirstRefusal) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const ProposalEpoch epoch = rig_.Open();
  const std::string first = rig_.Propose();
  const std::string second = rig_.Propose();
  rig_.Propose(kMaxEntryBytes + 1);
  rig_.Propose();
  rig_.Propose();
  rig_.Settle();
  EXPECT_THAT(rig_.state().Names(), ElementsAre(first, second));
  ASSERT_FALSE(rig_.state().refusals().empty());
  EXPECT_EQ(rig_.state().refusals()[0].epoch, epoch);
  EXPECT_EQ(rig_.state().refusals()[0].first, Sequence(3));
  EXPECT_TRUE(store_errors::Is(rig_.state().refusals()[0].why, store_errors::kTooLarge))
      << rig_.state().refusals()[0].why;

  rig_.Propose();
  rig_.Settle();
  EXPECT_EQ(rig_.state().Names().size(), 2U) << "the epoch stays closed";
  rig_.Commit(3);
  EXPECT_EQ(rig_.state().Names().size(), 5U) << "the next one is open";
}

TEST_P(ConsensusSuite, AcceptsTheLargestEntry) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const std::size_t frame = ChangesOf(std::string(kMaxEntryBytes - 100, 'x')).size();
  const std::size_t size = kMaxEntryBytes - 100 + (kMaxEntryBytes - frame);
  rig_.Open();
  const std::string name = rig_.Propose(size);
  ASSERT_EQ(ChangesOf(name).size(), kMaxEntryBytes);
  ASSERT_TRUE(rig_.Drain());
  EXPECT_THAT(rig_.state().Names(), ElementsAre(name));
}

TEST_P(ConsensusSuite, RefusesAGapInTheSequence) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const ProposalEpoch epoch = rig_.Open();
  const std::string first = rig_.Propose();
  rig_.state().Remember(epoch, Sequence(3), "late");
  rig_.consensus().Propose(epoch, Sequence(3), ChangesOf("late"));
  rig_.Settle();
  EXPECT_THAT(rig_.state().Names(), ElementsAre(first));
  ASSERT_EQ(rig_.state().refusals().size(), 1U);
  EXPECT_LE(rig_.state().refusals()[0].first, Sequence(3));
}

TEST_P(ConsensusSuite, BringsGivenUpProposalsAsSomebodyElses) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const ProposalEpoch old = rig_.Open();
  for (int i = 0; i < 3; ++i) rig_.Propose();
  rig_.Open();
  const std::string mine = rig_.Propose();
  ASSERT_TRUE(rig_.RunUntil([&] { return rig_.state().own_committed() == 1; }));
  rig_.Settle();
  // Each of the old ones was committed with its data or refused; none was reported as current,
  // which the recording would have noticed.
  std::vector<std::string> names = rig_.state().Names();
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names.back(), mine);
  names.pop_back();
  std::vector<std::string> given_up(rig_.proposed().begin(), rig_.proposed().end() - 1);
  if (names.size() < given_up.size()) {
    ASSERT_FALSE(rig_.state().refusals().empty());
    EXPECT_EQ(rig_.state().refusals()[0].epoch, old);
    given_up.resize(names.size());
  }
  EXPECT_EQ(names, given_up);
}

TEST_P(ConsensusSuite, NeverCommitsIntoAnEpochThatIsOver) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  const ProposalEpoch old = rig_.Open();
  rig_.Open();
  rig_.state().Remember(old, Sequence(1), "stale");
  rig_.consensus().Propose(old, Sequence(1), ChangesOf("stale"));
  const std::string name = rig_.Propose();
  ASSERT_TRUE(rig_.RunUntil([&] { return rig_.state().own_committed() == 1; }));
  EXPECT_THAT(rig_.state().Names(), ElementsAre(name));
}

TEST_P(ConsensusSuite, ReadsTheLogBetweenTwoIndices) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(5);
  const auto content = rig_.state().content();
  const auto read = rig_.ReadLog(content[1].first, content[3].first);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*read)[i].index, content[i + 2].first);
    EXPECT_THAT(NamesIn((*read)[i].data), ElementsAre(content[i + 2].second));
  }
  const auto nothing = rig_.ReadLog(content[4].first, content[4].first);
  ASSERT_TRUE(nothing.ok());
  EXPECT_THAT(*nothing, IsEmpty());
}

// Pinned upstream: ranges beyond the end or reversed fail, with these texts.
TEST_P(ConsensusSuite, ReadLogSaysWhatIsWrongWithARange) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(3);
  const Index last = rig_.consensus().CommitIndex();
  const Status reversed = rig_.ReadLog(last, Index(last.value() - 1)).status();
  EXPECT_EQ(reversed, Status(Code::kOutOfRange, "versions are out of order"));
  const Status beyond = rig_.ReadLog(last, last.Next()).status();
  EXPECT_EQ(beyond, Status(Code::kOutOfRange, "last version is out of bounds"));
}

TEST_P(ConsensusSuite, TakesANewLogKeyWhileItRuns) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Commit(5);
  const std::string key(32, 'n');
  std::optional<Status> done;
  rig_.consensus().UseLogKey(key, [&done](Status status) { done = std::move(status); });
  rig_.Settle();
  // The last entry with the old key may need one more before a snapshot can replace it.
  rig_.Commit(2);
  ASSERT_TRUE(rig_.RunUntil([&] { return done.has_value(); }));
  if (done->code() == Code::kUnimplemented) return;  // it keeps no log on disk
  ASSERT_EQ(*done, Status::Ok());
  done.reset();
  rig_.consensus().UseLogKey(key, [&done](Status status) { done = std::move(status); });
  ASSERT_TRUE(rig_.RunUntil([&] { return done.has_value(); }));
  EXPECT_EQ(*done, Status::Ok()) << "that is the key already";
  rig_.Commit(2);
  const std::vector<std::string> names = rig_.state().Names();
  const Index last = rig_.consensus().CommitIndex();
  const auto old = rig_.ReadLog(Index(1), last);
  EXPECT_TRUE(old.ok() || old.status().code() == Code::kOutOfRange) << old.status();
  rig_.Shutdown();
  rig_.setup.node.log_key = key;
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  EXPECT_EQ(rig_.state().Names(), names);
}

TEST_P(ConsensusSuite, StopEndsLeadershipAndAllCallbacks) {
  ASSERT_EQ(rig_.Boot(), Status::Ok());
  rig_.Open();
  for (int i = 0; i < 20; ++i) rig_.Propose();
  for (int i = 0; i < 3; ++i) rig_.simulation().Step();
  bool stopped = false;
  rig_.instance().Stop([&stopped] { stopped = true; });
  ASSERT_TRUE(rig_.RunUntil([&] { return stopped; }));
  EXPECT_EQ(rig_.state().times_follower(), 1);
  rig_.state().ExpectSilence();
  rig_.Propose();
  EXPECT_FALSE(rig_.consensus().OpenEpoch(rig_.state().leadership()).ok());
  rig_.Settle();
  EXPECT_EQ(rig_.state().mistake(), "");
}

TEST_P(ConsensusSuite, StopTwiceAndWithoutStartIsHarmless) {
  RecordingState state(rig_.machine().runtime());
  for (int i = 0; i < 2; ++i) {
    const std::unique_ptr<Instance> instance =
        GetParam().make(rig_.machine().runtime(), rig_.setup);
    static_cast<Consensus*>(instance->role())->Attach(state);
    int stops = 0;
    if (i == 1) instance->Start([](Status) {});
    instance->Stop([&] { ++stops; });
    ASSERT_TRUE(rig_.RunUntil([&] { return stops == 1; }));
    instance->Stop([&] { ++stops; });
    ASSERT_TRUE(rig_.RunUntil([&] { return stops == 2; }));
    state.ExpectSilence();
    rig_.Settle();
  }
  EXPECT_EQ(state.mistake(), "");
}

TEST_P(ConsensusSuite, ManyInstancesInOneProcess) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(rig_.Boot(), Status::Ok());
    rig_.Commit(2);
    rig_.Shutdown();
  }
}

}  // namespace
}  // namespace swarm::conformance
