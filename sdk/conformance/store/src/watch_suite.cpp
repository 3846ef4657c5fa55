// Watching, applying the log, snapshots.
#include <map>

#include "conformance/store_suite.h"
#include "swarm/store_errors.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"

namespace swarm::conformance {
namespace {

using std::string;
using Names = std::vector<string>;

std::map<string, string> ServiceBytes(const Reader& reader) {
  std::map<string, string> out;
  const Status found =
      reader.FindMessages(Table::kService, By::All(), [&out](const MessagePtr& message) {
        out[static_cast<const pb::Service&>(*message).id()] = message->SerializeAsString();
        return true;
      });
  EXPECT_EQ(found, Status::Ok());
  return out;
}

TEST_P(StoreSuite, AWatcherSeesEachTransactionOnceAndInOrder) {
  auto watcher = StartWatcher();
  ASSERT_EQ(Update([](Transaction& tx) {
              SWARM_RETURN_IF_ERROR(tx.Create(MakeNode("n1", "h")));
              SWARM_RETURN_IF_ERROR(tx.CreateTask(MakeTask("t1", "s", 1)));
              return tx.Update(Copy(tx.Get<pb::Node>("n1")));
            }),
            Status::Ok());
  ASSERT_EQ(Update([](Transaction& tx) { return tx.Delete(Table::kTask, "t1"); }), Status::Ok());
  ASSERT_EQ(watcher->commits.size(), 2u);
  EXPECT_EQ(Describe(*watcher->commits[0]),
            "create node n1; create task t1; update node n1 (old) @1");
  EXPECT_EQ(Describe(*watcher->commits[1]), "remove task t1 @2");
  EXPECT_NE(watcher->commits[1]->events[0].task, nullptr) << "the last value";
}

TEST_P(StoreSuite, EventsHaveTheStoredInstances) {
  auto watcher = StartWatcher();
  ASSERT_EQ(Create(MakeNode("n1", "h")), Status::Ok());
  ASSERT_EQ(CreateTask(MakeTask("t1", "s", 1)), Status::Ok());
  EXPECT_EQ(watcher->commits[0]->events[0].object, view()->GetMessage(Table::kNode, "n1"));
  EXPECT_EQ(watcher->commits[1]->events[0].task, view()->GetTask("t1"));
}

TEST_P(StoreSuite, AWatcherOfTablesHearsOnlyOfThose) {
  auto nodes = StartWatcher({Table::kNode});
  auto both = StartWatcher({Table::kNode, Table::kTask});
  ASSERT_EQ(Create(MakeService("s1", "s")), Status::Ok());
  ASSERT_EQ(CreateTask(MakeTask("t1", "s", 1)), Status::Ok());
  ASSERT_EQ(Create(MakeNode("n1", "h")), Status::Ok());
  EXPECT_EQ(nodes->commits.size(), 1u);
  EXPECT_EQ(both->commits.size(), 2u);
}

TEST_P(StoreSuite, NothingFromBeforeTheWatchAndEverythingAfter) {
  ASSERT_EQ(Create(MakeNode("n1", "h")), Status::Ok());
  const auto pending = Begin([](Transaction& tx) { return tx.Create(MakeNode("n2", "h")); });
  auto watcher = StartWatcher();
  EXPECT_EQ(Ids<pb::Node>(*watcher->view, By::All()), Names({"n1"}));
  sim_.Settle();
  ASSERT_EQ(watcher->commits.size(), 1u);
  EXPECT_EQ(Describe(*watcher->commits[0]), "create node n2 @2");
}

TEST_P(StoreSuite, WhenAnEventArrivesItIsVisible) {
  bool seen = false;
  const auto loop = machine_.runtime().NewLoop("w", LoopKind::kShared);
  const auto subscription = store().Watch({}, *loop, [&](const CommitPtr& commit) {
    seen = true;
    EXPECT_NE(view()->Get<pb::Node>("n1"), nullptr);
    EXPECT_GE(view()->index(), *commit->index);
  });
  ASSERT_EQ(Create(MakeNode("n1", "h")), Status::Ok());
  EXPECT_TRUE(seen);
}

TEST_P(StoreSuite, AfterUnsubscribingNothingArrives) {
  auto other = StartWatcher();
  auto watcher = StartWatcher();
  // Queued on the watcher's loop, and not run yet, when the watch ends.
  consensus_.Hold();
  const auto result = Begin([](Transaction& tx) { return tx.Create(MakeNode("n1", "h")); });
  sim_.Settle();
  consensus_.Release();
  sim_.RunUntil([&] { return result->has_value(); }, std::chrono::seconds(1));
  const std::size_t before = watcher->commits.size();
  watcher->subscription.reset();
  sim_.Settle();
  EXPECT_EQ(watcher->commits.size(), before);
  consensus_.StopHolding();
  ASSERT_EQ(Create(MakeNode("n2", "h")), Status::Ok());
  EXPECT_EQ(watcher->commits.size(), before);
  EXPECT_EQ(other->commits.size(), 2u) << "another watcher is not affected";
}

TEST_P(StoreSuite, AWatchMayEndFromItsOwnCallback) {
  const auto loop = machine_.runtime().NewLoop("w", LoopKind::kShared);
  int calls = 0;
  std::unique_ptr<Subscription> subscription;
  subscription = store().Watch({}, *loop, [&](const CommitPtr&) {
    ++calls;
    subscription.reset();
  });
  ASSERT_EQ(Create(MakeNode("n1", "h")), Status::Ok());
  ASSERT_EQ(Create(MakeNode("n2", "h")), Status::Ok());
  EXPECT_EQ(calls, 1);
}

// Pinned upstream: replaying events onto a copy keeps the copy equal.
TEST_P(StoreSuite, EventsKeepACopyEqual) {
  ASSERT_EQ(Create(MakeService("s1", "one")), Status::Ok());
  auto watcher = StartWatcher();
  std::map<string, string> copy = ServiceBytes(*watcher->view);
  for (int i = 2; i < 30; ++i) {
    ASSERT_EQ(Create(MakeService("s" + std::to_string(i), "n" + std::to_string(i))), Status::Ok());
    ASSERT_EQ(Update([&](Transaction& tx) {
                const string id = "s" + std::to_string(i / 2);
                if (i % 3 == 0 && tx.Get<pb::Service>(id)) return tx.Remove<pb::Service>(id);
                return tx.Update(Copy(tx.Get<pb::Service>("s" + std::to_string(i))));
              }),
              Status::Ok());
  }
  for (const CommitPtr& commit : watcher->commits) {
    for (const Event& e : commit->events) {
      const auto& service = static_cast<const pb::Service&>(*e.object);
      if (e.change == Change::kRemove) {
        copy.erase(service.id());
      } else {
        copy[service.id()] = service.SerializeAsString();
      }
    }
  }
  EXPECT_EQ(copy, ServiceBytes(*view()));
}

TEST_P(StoreSuite, EntriesOfOthersAreAppliedAsTheyCome) {
  ASSERT_EQ(Create(MakeNode("n1", "h")), Status::Ok());
  auto watcher = StartWatcher();
  pb::InternalRaftRequest request;
  auto* create = request.add_action();
  create->set_action(pb::STORE_ACTION_CREATE);
  *create->mutable_task() = TaskToProto(*MakeTask("t1", "svc", 1));
  create->mutable_task()->mutable_meta()->mutable_version()->set_index(77);
  auto* update = request.add_action();
  update->set_action(pb::STORE_ACTION_UPDATE);
  *update->mutable_node() = *MakeNode("n1", "renamed");
  consensus_.CommitForeign(request.SerializeAsString());
  sim_.Settle();
  EXPECT_EQ(view()->GetTask("t1")->version, 77u) << "meta as the leader gave it";
  EXPECT_FALSE(view()->GetTask("t1")->created_at.present);
  EXPECT_EQ(Ids<pb::Node>(By::Name("renamed")), Names({"n1"}));
  ASSERT_EQ(watcher->commits.size(), 1u);
  EXPECT_EQ(Describe(*watcher->commits[0]), "create task t1; update node n1 (old) @2");
}

TEST_P(StoreSuite, AnEntryThatCannotBeAppliedIsLeftOutWhole) {
  pb::InternalRaftRequest request;
  auto* good = request.add_action();
  good->set_action(pb::STORE_ACTION_CREATE);
  *good->mutable_node() = *MakeNode("n1", "h");
  auto* bad = request.add_action();
  bad->set_action(pb::STORE_ACTION_REMOVE);
  bad->mutable_service()->set_id("missing");
  consensus_.CommitForeign(request.SerializeAsString());
  request.mutable_action()->DeleteSubrange(1, 1);
  request.mutable_action(0)->set_action(pb::UNKNOWN);
  consensus_.CommitForeign(request.SerializeAsString());
  consensus_.CommitForeign("\xff\xff not a message");
  sim_.Settle();
  EXPECT_EQ(view()->Count(Table::kNode), 0u);
  EXPECT_EQ(view()->index(), Index(3)) << "the index moves all the same";
  EXPECT_EQ(Create(MakeNode("n1", "h")), Status::Ok());
}

// Pinned upstream: content and order equal the source; one update (even of an equal object), two
// creations, one removal a table; no index on the commit.
TEST_P(StoreSuite, ARestoreReplacesEverythingAndTellsOfIt) {
  ASSERT_EQ(Update([](Transaction& tx) {
              SWARM_RETURN_IF_ERROR(tx.Create(MakeNode("common", "old")));
              SWARM_RETURN_IF_ERROR(tx.Create(MakeNode("extra", "extra")));
              SWARM_RETURN_IF_ERROR(tx.CreateTask(MakeTask("common", "svc", 1)));
              return tx.CreateTask(MakeTask("extra", "svc", 2));
            }),
            Status::Ok());
  pb::StoreSnapshot snapshot;
  for (const char* id : {"common", "new1", "new2"}) {
    *snapshot.add_nodes() = *MakeNode(id, string("host-") + id);
    snapshot.mutable_nodes()->rbegin()->mutable_meta()->mutable_version()->set_index(5);
    *snapshot.add_tasks() = TaskToProto(*MakeTask(id, "svc9", 3));
  }
  auto watcher = StartWatcher();
  consensus_.Restore({Index(500), snapshot.SerializeAsString()});
  sim_.Settle();
  EXPECT_EQ(Ids<pb::Node>(By::All()), Names({"common", "new1", "new2"}));
  EXPECT_EQ(Ids<pb::Node>(By::Name("old")), Names());
  EXPECT_EQ(TaskIds(By::Service("svc9")), Names({"common", "new1", "new2"}));
  EXPECT_EQ(TaskIds(By::Service("svc")), Names());
  EXPECT_EQ(view()->index(), Index(500));
  EXPECT_EQ(view()->Get<pb::Node>("new1")->meta().version().index(), 5u);
  ASSERT_EQ(watcher->commits.size(), 1u);
  EXPECT_EQ(Describe(*watcher->commits[0]),
            "update node common (old); create node new1; create node new2; remove node extra; "
            "update task common (old); create task new1; create task new2; remove task extra @-");
}

TEST_P(StoreSuite, ACaptureHasEveryTableInOrderOfIds) {
  ASSERT_EQ(Update([](Transaction& tx) {
              SWARM_RETURN_IF_ERROR(tx.Create(MakeExtension("e1", "kind1")));
              SWARM_RETURN_IF_ERROR(tx.Create(MakeResource("r1", "res", "kind1")));
              SWARM_RETURN_IF_ERROR(tx.Create(MakeNetwork("net1", "net")));
              SWARM_RETURN_IF_ERROR(tx.Create(MakeVolume("v1", "vol", "", "csi")));
              SWARM_RETURN_IF_ERROR(tx.Create(MakeService("s1", "svc")));
              return tx.Create(MakeNode("n1", "h"));
            }),
            Status::Ok());
  // More than a capture writes at once.
  for (int part = 0; part < 5; ++part) {
    ASSERT_EQ(Update([&](Transaction& tx) {
                for (int i = 0; i < 300; ++i) {
                  const int n = 9999 - part * 300 - i;
                  SWARM_RETURN_IF_ERROR(tx.CreateTask(MakeTask("t" + std::to_string(n), "svc", n)));
                }
                return Status::Ok();
              }),
              Status::Ok());
  }
  pb::StoreSnapshot snapshot;
  ASSERT_TRUE(snapshot.ParseFromString(Image()));
  ASSERT_EQ(snapshot.tasks_size(), 1500);
  for (int i = 1; i < 1500; ++i) EXPECT_LT(snapshot.tasks(i - 1).id(), snapshot.tasks(i).id());
  EXPECT_EQ(snapshot.nodes_size(), 1);
  EXPECT_EQ(snapshot.services_size(), 1);
  EXPECT_EQ(snapshot.networks_size(), 1);
  EXPECT_EQ(snapshot.resources_size(), 1);
  EXPECT_EQ(snapshot.extensions_size(), 1);
  EXPECT_EQ(snapshot.volumes_size(), 1);
  EXPECT_EQ(snapshot.tasks(7).SerializeAsString(),
            TaskToProto(*view()->GetTask(snapshot.tasks(7).id())).SerializeAsString());
}

TEST_P(StoreSuite, ACaptureRestoredElsewhereIsTheSameStore) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(Create(MakeService("s" + std::to_string(i), "n" + std::to_string(i))), Status::Ok());
    ASSERT_EQ(CreateTask(MakeTask("t" + std::to_string(i), "s" + std::to_string(i), 1)),
              Status::Ok());
  }
  const string image = Image();
  consensus_.Restore({Index(1000), ""});
  sim_.Settle();
  EXPECT_EQ(view()->Count(Table::kTask), 0u);
  consensus_.Restore({Index(1001), image});
  sim_.Settle();
  EXPECT_EQ(Image(), image);
  EXPECT_EQ(TaskIds(By::Service("s7")), Names({"t7"}));
}

}  // namespace
}  // namespace swarm::conformance
