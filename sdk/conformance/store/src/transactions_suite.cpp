// Transactions: atomicity, versions, timestamps, batches.
#include <set>

#include "conformance/store_suite.h"
#include "swarm/store_errors.h"

namespace swarm::conformance {
namespace {

using std::string;
using Names = std::vector<string>;

Status Failed(std::string_view text) { return store_errors::Make(text); }

// Pinned upstream: a failed transaction leaves no trace in any index.
TEST_P(StoreSuite, AFailedTransactionLeavesNoTrace) {
  ASSERT_EQ(CreateTask(MakeTask("t1", "svc", 1, "node1")), Status::Ok());
  const string before = Image();
  const Status why(Code::kInternal, "on purpose");
  EXPECT_EQ(Update([&](Transaction& tx) {
              EXPECT_TRUE(tx.Create(MakeNode("n1", "host")).ok());
              auto task = Copy(tx.GetTask("t1"));
              task->node_id = "node2";
              EXPECT_TRUE(tx.UpdateTask(task).ok());
              EXPECT_TRUE(tx.Delete(Table::kTask, "t1").ok());
              return why;
            }),
            why);
  EXPECT_EQ(Ids<pb::Node>(By::Name("host")), Names());
  EXPECT_EQ(TaskIds(By::Node("node1")), Names({"t1"}));
  EXPECT_EQ(TaskIds(By::Node("node2")), Names());
  EXPECT_EQ(Image(), before);
}

TEST_P(StoreSuite, ARefusedWriteLeavesTheTransactionAsItWas) {
  ASSERT_EQ(Create(MakeService("id1", "name1")), Status::Ok());
  ASSERT_EQ(Update([&](Transaction& tx) {
              EXPECT_FALSE(tx.Create(MakeService("id2", "name1")).ok());
              EXPECT_FALSE(tx.Create(MakeService("id1", "name2")).ok());
              EXPECT_FALSE(tx.Delete(Table::kService, "id9").ok());
              return tx.Create(MakeService("id3", "name3"));
            }),
            Status::Ok());
  EXPECT_EQ(Ids<pb::Service>(By::All()), Names({"id1", "id3"}));
}

TEST_P(StoreSuite, TasksAndMessagesAreNotMixedUp) {
  EXPECT_EQ(Update([](Transaction& tx) {
              return tx.CreateMessage(Table::kTask, std::make_shared<pb::Task>());
            }).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(Update([](Transaction& tx) { return tx.Create(MakeNode("", "h")); }).code(),
            Code::kInvalidArgument)
      << "an object needs an id";
}

// Pinned upstream: the newest copy works, a stale one does not.
TEST_P(StoreSuite, UpdatesNeedTheStoredVersion) {
  ASSERT_EQ(Create(MakeService("id1", "name1")), Status::Ok());
  const auto read = view()->Get<pb::Service>("id1");
  EXPECT_EQ(Update([&](Transaction& tx) { return tx.Update(Copy(read)); }), Status::Ok());
  EXPECT_EQ(Update([&](Transaction& tx) { return tx.Update(Copy(read)); }),
            Failed(store_errors::kSequenceConflict));
  EXPECT_EQ(Update([&](Transaction& tx) { return tx.Update(Copy(tx.Get<pb::Service>("id1"))); }),
            Status::Ok());
  // Equality, not order: a version from the future is as wrong.
  EXPECT_EQ(Update([&](Transaction& tx) {
              auto ahead = Copy(tx.Get<pb::Service>("id1"));
              ahead->mutable_meta()->mutable_version()->set_index(1 << 20);
              return tx.Update(ahead);
            }),
            Failed(store_errors::kSequenceConflict));
}

// Pinned upstream: meta is filled in the caller's object, so that it can be used on.
TEST_P(StoreSuite, AWrittenObjectCarriesItsNewMeta) {
  ASSERT_EQ(Update([&](Transaction& tx) {
              auto service = MakeService("id1", "name1");
              SWARM_RETURN_IF_ERROR(tx.Create(service));
              EXPECT_EQ(service->meta().created_at().DebugString(),
                        service->meta().updated_at().DebugString());
              return tx.Update(std::make_shared<pb::Service>(*service));
            }),
            Status::Ok());
  const auto created = view()->Get<pb::Service>("id1");
  EXPECT_TRUE(created->meta().has_version());
  EXPECT_TRUE(created->meta().has_created_at());
}

// Pinned upstream.
TEST_P(StoreSuite, CreationTimeStaysAndUpdateTimeMoves) {
  ASSERT_EQ(Create(MakeNode("id1", "h")), Status::Ok());
  ASSERT_EQ(CreateTask(MakeTask("t1", "s", 1)), Status::Ok());
  const auto node = view()->Get<pb::Node>("id1");
  const auto task = view()->GetTask("t1");
  EXPECT_EQ(node->meta().created_at().DebugString(), node->meta().updated_at().DebugString());
  EXPECT_TRUE(task->created_at.present);
  EXPECT_EQ(task->created_at, task->updated_at);
  sim_.RunFor(std::chrono::seconds(3));
  ASSERT_EQ(Update([](Transaction& tx) {
              SWARM_RETURN_IF_ERROR(tx.Update(Copy(tx.Get<pb::Node>("id1"))));
              return tx.UpdateTask(Copy(tx.GetTask("t1")));
            }),
            Status::Ok());
  const auto node2 = view()->Get<pb::Node>("id1");
  const auto task2 = view()->GetTask("t1");
  EXPECT_EQ(node2->meta().created_at().DebugString(), node->meta().created_at().DebugString());
  EXPECT_EQ(node2->meta().updated_at().seconds(), node->meta().updated_at().seconds() + 3);
  EXPECT_EQ(task2->created_at, task->created_at);
  EXPECT_EQ(task2->updated_at.seconds, task->updated_at.seconds + 3);
}

TEST_P(StoreSuite, VersionsAreUniquePerTransactionAndBelowTheEntry) {
  consensus_.SetIndex(Index(100));
  std::vector<std::shared_ptr<std::optional<Result<Index>>>> results;
  for (int i = 0; i < 20; ++i) {
    results.push_back(Begin([i](Transaction& tx) {
      SWARM_RETURN_IF_ERROR(tx.Create(MakeNode("a" + std::to_string(i), "h")));
      return tx.Create(MakeNode("b" + std::to_string(i), "h"));
    }));
  }
  sim_.Settle();
  std::set<std::uint64_t> versions;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(results[i]->has_value() && (*results[i])->ok());
    const auto a = view()->Get<pb::Node>("a" + std::to_string(i))->meta().version().index();
    EXPECT_EQ(a, view()->Get<pb::Node>("b" + std::to_string(i))->meta().version().index());
    EXPECT_GE(a, 100u);
    EXPECT_LE(a, (*results[i])->value().value() - 1);
    EXPECT_TRUE(versions.insert(a).second) << "version " << a << " given twice";
  }
}

TEST_P(StoreSuite, AnUpdateWithoutChangesProposesNothing) {
  ASSERT_EQ(Create(MakeNode("n1", "h")), Status::Ok());
  const std::size_t entries = consensus_.log().size();
  const Result<Index> result = Run([](Transaction& tx) {
    EXPECT_NE(tx.Get<pb::Node>("n1"), nullptr);
    return Status::Ok();
  });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(consensus_.log().size(), entries);
  EXPECT_EQ(*result, consensus_.CommitIndex());
}

TEST_P(StoreSuite, AViewStaysAsItWasTaken) {
  ASSERT_EQ(Create(MakeService("id1", "name1")), Status::Ok());
  const ViewPtr old = view();
  ASSERT_EQ(Create(MakeService("id2", "name2")), Status::Ok());
  ASSERT_EQ(Update([](Transaction& tx) { return tx.Remove<pb::Service>("id1"); }), Status::Ok());
  EXPECT_EQ(Ids<pb::Service>(*old, By::All()), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(*old, By::Name("name1")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::All()), Names({"id2"}));
  EXPECT_LT(old->index(), view()->index());
}

// Pinned upstream: 405 creations make parts of 200, 200 and 5.
TEST_P(StoreSuite, ABatchIsCutEvery200Changes) {
  auto watcher = StartWatcher();
  int created = 0;
  const auto result = RunBatch([&](Transaction& tx) -> Result<bool> {
    const string n = std::to_string(created++);
    SWARM_RETURN_IF_ERROR(tx.Create(MakeNode("id" + n, "h")));
    return created < 405;
  });
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(watcher->commits.size(), 3u);
  EXPECT_EQ(watcher->commits[0]->events.size(), 200u);
  EXPECT_EQ(watcher->commits[1]->events.size(), 200u);
  EXPECT_EQ(watcher->commits[2]->events.size(), 5u);
  EXPECT_EQ(view()->Count(Table::kNode), 405u);
  EXPECT_EQ(*result, *watcher->commits[2]->index);
}

// Pinned upstream: after a failure in the second part the first part stays.
TEST_P(StoreSuite, AFailingBatchKeepsItsFullParts) {
  auto watcher = StartWatcher();
  int created = 0;
  const Status why(Code::kInternal, "on purpose");
  const auto result = RunBatch([&](Transaction& tx) -> Result<bool> {
    if (created == 209) return why;
    const string n = std::to_string(created++);
    SWARM_RETURN_IF_ERROR(tx.Create(MakeNode("id" + n, "h")));
    return true;
  });
  EXPECT_EQ(result.status(), why);
  ASSERT_EQ(watcher->commits.size(), 1u);
  EXPECT_EQ(watcher->commits[0]->events.size(), 200u);
  EXPECT_EQ(view()->Count(Table::kNode), 200u);
}

TEST_P(StoreSuite, ABatchIsCutBySizeToo) {
  auto watcher = StartWatcher();
  int created = 0;
  const auto result = RunBatch([&](Transaction& tx) -> Result<bool> {
    auto node = MakeNode("id" + std::to_string(created++), "h");
    (*node->mutable_spec()->mutable_annotations()->mutable_labels())["big"] = string(300'000, 'x');
    SWARM_RETURN_IF_ERROR(tx.Create(node));
    return created < 10;
  });
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(watcher->commits.size(), 3u) << "parts of 4, 4 and 2";
  EXPECT_EQ(watcher->commits[0]->events.size(), 4u);
}

TEST_P(StoreSuite, OthersGetTheirTurnBetweenTheParts) {
  int created = 0;
  std::optional<Result<Index>> batch;
  writer()->Batch(
      [&](Transaction& tx) -> Result<bool> {
        SWARM_RETURN_IF_ERROR(tx.Create(MakeNode("id" + std::to_string(created++), "h")));
        return created < 1000;
      },
      [&](Result<Index> r) { batch = std::move(r); });
  const auto other = Begin([](Transaction& tx) { return tx.Create(MakeNode("other", "h")); });
  sim_.Settle();
  ASSERT_TRUE(batch && batch->ok());
  ASSERT_TRUE(*other && (*other)->ok());
  EXPECT_LT((*other)->value(), batch->value());
}

TEST_P(StoreSuite, AnEntryTooLargeFailsAloneAndLaterOnesGoOn) {
  const auto big = Begin([](Transaction& tx) {
    auto node = MakeNode("big", "h");
    (*node->mutable_spec()->mutable_annotations()->mutable_labels())["x"] =
        string(kMaxEntryBytes + 1, 'x');
    return tx.Create(node);
  });
  const auto small = Begin([](Transaction& tx) {
    EXPECT_EQ(tx.Get<pb::Node>("big"), nullptr);
    return tx.Create(MakeNode("small", "h"));
  });
  sim_.Settle();
  ASSERT_TRUE(*big);
  EXPECT_TRUE(store_errors::Is((*big)->status(), store_errors::kTooLarge)) << (*big)->status();
  ASSERT_TRUE(*small && (*small)->ok());
  EXPECT_EQ(Ids<pb::Node>(By::All()), Names({"small"}));
}

}  // namespace
}  // namespace swarm::conformance
