// Outcomes when consensus holds, refuses or moves: no answer before what it rests on is durable.
#include "conformance/store_suite.h"
#include "swarm/store_errors.h"

namespace swarm::conformance {
namespace {

using std::string;
using Names = std::vector<string>;
using Outcome = std::shared_ptr<std::optional<Result<Index>>>;

const Status kDiskFull(Code::kResourceExhausted, "no space left on the disk");
const Status kGone(Code::kUnavailable, string(store_errors::kLostLeader));

TransactionFn CreateNode(const string& id) {
  return [id](Transaction& tx) { return tx.Create(MakeNode(id, "h")); };
}

TEST_P(StoreSuite, NoOutcomeAndNothingVisibleBeforeTheCommit) {
  consensus_.Hold();
  auto watcher = StartWatcher();
  const Outcome write = Begin(CreateNode("n1"));
  const Outcome conflict = Begin(CreateNode("n1"));
  const Outcome read = Begin([](Transaction&) { return Status::Ok(); });
  sim_.Settle();
  EXPECT_FALSE(write->has_value());
  EXPECT_FALSE(conflict->has_value()) << "an error rests on the proposed state too";
  EXPECT_FALSE(read->has_value());
  EXPECT_EQ(view()->Count(Table::kNode), 0u);
  EXPECT_TRUE(watcher->commits.empty());
  consensus_.StopHolding();
  sim_.Settle();
  ASSERT_TRUE(*write && *conflict && *read);
  EXPECT_TRUE((*write)->ok());
  EXPECT_EQ((*conflict)->status(), store_errors::Make(store_errors::kExist));
  EXPECT_TRUE((*read)->ok());
  EXPECT_EQ(watcher->commits.size(), 1u);
}

TEST_P(StoreSuite, ARefusedUpdateFailsAndLaterOnesAreMadeWithoutIt) {
  consensus_.RefuseNext(kDiskFull, 1);
  const Outcome first = Begin(CreateNode("n1"));
  const Outcome refused = Begin(CreateNode("n2"));
  int runs = 0;
  bool saw_refused = true;
  const Outcome later = Begin([&](Transaction& tx) {
    ++runs;
    saw_refused = tx.Get<pb::Node>("n2") != nullptr;
    return tx.Create(MakeNode("n3", "h"));
  });
  const Outcome same = Begin(CreateNode("n2"));
  sim_.Settle();
  ASSERT_TRUE(*first && *refused && *later && *same);
  EXPECT_TRUE((*first)->ok());
  EXPECT_EQ((*refused)->status(), kDiskFull);
  EXPECT_TRUE((*later)->ok()) << (*later)->status();
  EXPECT_FALSE(saw_refused) << "its last run was on the state without the refused one";
  EXPECT_TRUE((*same)->ok()) << "no conflict with what was never made";
  EXPECT_EQ(Ids<pb::Node>(By::All()), Names({"n1", "n2", "n3"}));
  EXPECT_EQ(consensus_.refusals(), 1u);
  EXPECT_GE(runs, 1);
}

TEST_P(StoreSuite, AnEpochThatEndedMayLoseMoreOfWhatWasUnderWay) {
  consensus_.Hold();
  std::vector<Outcome> outcomes;
  consensus_.RefuseNext(kDiskFull, 2);
  for (const char* id : {"n1", "n2", "n3", "n4"}) outcomes.push_back(Begin(CreateNode(id)));
  sim_.Settle();
  consensus_.RefuseHeld(kDiskFull);
  consensus_.StopHolding();
  sim_.Settle();
  for (const Outcome& outcome : outcomes) EXPECT_TRUE(outcome->has_value());
  ASSERT_TRUE(*outcomes[0]);
  EXPECT_EQ((*outcomes[0])->status(), kDiskFull);
  EXPECT_EQ(Update(CreateNode("n5")), Status::Ok());
}

TEST_P(StoreSuite, AnUpdateRunAgainFindsItsObjectAsItWas) {
  ASSERT_EQ(Create(MakeNode("base", "h")), Status::Ok());
  const auto edited = Copy(view()->Get<pb::Node>("base"));
  edited->mutable_description()->set_hostname("renamed");
  consensus_.RefuseNext(kDiskFull, 0);
  const Outcome refused = Begin(CreateNode("n1"));
  const Outcome again = Begin([edited](Transaction& tx) { return tx.Update(edited); });
  sim_.Settle();
  ASSERT_TRUE(*refused && *again);
  EXPECT_EQ((*refused)->status(), kDiskFull);
  EXPECT_TRUE((*again)->ok()) << (*again)->status();
  EXPECT_EQ(Ids<pb::Node>(By::Name("renamed")), Names({"base"}));
}

TEST_P(StoreSuite, VersionsOfRefusedUpdatesAreGivenAgain) {
  consensus_.SetIndex(Index(10));
  for (int i = 0; i < 5; ++i) {
    consensus_.RefuseNext(kDiskFull, 0);
    EXPECT_EQ(Update(CreateNode("x")), kDiskFull);
  }
  const auto result = Run(CreateNode("n1"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, Index(11));
  EXPECT_EQ(view()->Get<pb::Node>("n1")->meta().version().index(), 10u);
}

TEST_P(StoreSuite, ABatchThatLosesAPartFailsAndKeepsTheOnesBefore) {
  int created = 0;
  consensus_.RefuseNext(kDiskFull, 1);
  const auto result = RunBatch([&](Transaction& tx) -> Result<bool> {
    SWARM_RETURN_IF_ERROR(tx.Create(MakeNode("id" + std::to_string(created++), "h")));
    return created < 700;
  });
  EXPECT_EQ(result.status(), kDiskFull);
  EXPECT_EQ(view()->Count(Table::kNode), 200u);
  EXPECT_EQ(Update(CreateNode("after")), Status::Ok());
}

TEST_P(StoreSuite, LosingLeadershipFailsWhatIsUnderWay) {
  const WriterPtr old = writer();
  consensus_.Hold();
  const Outcome under_way = Begin(CreateNode("n1"));
  const Outcome read = Begin([](Transaction&) { return Status::Ok(); });
  sim_.Settle();
  consensus_.Follow();
  sim_.Settle();
  ASSERT_TRUE(*under_way && *read);
  EXPECT_EQ((*under_way)->status(), kGone);
  EXPECT_EQ((*read)->status(), kGone);
  EXPECT_EQ(view()->Count(Table::kNode), 0u);
  EXPECT_EQ(store().CurrentWriter().status(), store_errors::Make(store_errors::kLostLeader));
  std::optional<Result<Index>> late;
  old->Update(CreateNode("n2"), [&](Result<Index> r) { late = std::move(r); });
  sim_.Settle();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->status(), kGone);
}

TEST_P(StoreSuite, AnOldWriterIsRefusedInTheNextEpoch) {
  const WriterPtr old = writer();
  consensus_.Follow();
  consensus_.Lead();
  sim_.Settle();
  EXPECT_GT(writer()->epoch(), old->epoch());
  std::optional<Result<Index>> late;
  old->Update(CreateNode("n1"), [&](Result<Index> r) { late = std::move(r); });
  sim_.Settle();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->status().code(), Code::kUnavailable);
  EXPECT_EQ(Update(CreateNode("n2")), Status::Ok());
}

TEST_P(StoreSuite, WhatCommitsAfterLeadershipWasLostArrivesFromTheLog) {
  consensus_.Hold();
  const Outcome unknown = Begin(CreateNode("n1"));
  sim_.Settle();
  consensus_.Follow(/*commit_rest=*/true);
  sim_.Settle();
  ASSERT_TRUE(*unknown);
  EXPECT_EQ((*unknown)->status(), kGone);
  EXPECT_EQ(Ids<pb::Node>(By::All()), Names({"n1"}));
  consensus_.StopHolding();
  consensus_.Lead();
  sim_.Settle();
  EXPECT_EQ(Update(CreateNode("n1")), store_errors::Make(store_errors::kExist));
  EXPECT_EQ(Update(CreateNode("n2")), Status::Ok());
  EXPECT_GT(view()->Get<pb::Node>("n2")->meta().version().index(),
            view()->Get<pb::Node>("n1")->meta().version().index());
}

TEST_P(StoreSuite, LeadershipIsAnnouncedWithItsEpoch) {
  const auto loop = machine_.runtime().NewLoop("w", LoopKind::kShared);
  std::vector<std::optional<LeaderEpoch>> heard;
  auto subscription =
      store().WatchLeadership(*loop, [&](std::optional<LeaderEpoch> e) { heard.push_back(e); });
  sim_.Settle();
  consensus_.Follow();
  sim_.Settle();
  consensus_.Lead();
  sim_.Settle();
  ASSERT_EQ(heard.size(), 3u);
  ASSERT_TRUE(heard[0] && !heard[1] && heard[2]);
  EXPECT_LT(*heard[0], *heard[2]);
  EXPECT_EQ(writer()->epoch(), *heard[2]);
  subscription.reset();
  consensus_.Follow();
  sim_.Settle();
  EXPECT_EQ(heard.size(), 3u);
}

}  // namespace
}  // namespace swarm::conformance
