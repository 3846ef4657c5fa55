// Tables: what is refused, what is found, in which order.
#include "conformance/store_suite.h"
#include "swarm/store_errors.h"

namespace swarm::conformance {
namespace {

using std::string;
using std::vector;
using Names = vector<string>;

Status Failed(std::string_view text) { return store_errors::Make(text); }

// Pinned upstream: an empty store answers, with nothing.
TEST_P(StoreSuite, AnEmptyStoreFindsNothing) {
  EXPECT_EQ(Ids<pb::Node>(By::All()), Names());
  EXPECT_EQ(Ids<pb::Service>(By::All()), Names());
  EXPECT_EQ(Ids<pb::Network>(By::All()), Names());
  EXPECT_EQ(TaskIds(By::All()), Names());
  EXPECT_EQ(view()->Get<pb::Node>("x"), nullptr);
  EXPECT_EQ(view()->GetTask("x"), nullptr);
  EXPECT_EQ(view()->Count(Table::kTask), 0u);
}

// Pinned upstream: hostnames need not be unique; union of names; id prefixes; roles, memberships.
TEST_P(StoreSuite, NodesAreFoundByEveryIndex) {
  ASSERT_EQ(Create(MakeNode("id1", "Name1", pb::MANAGER, pb::NodeSpec::ACCEPTED)), Status::Ok());
  ASSERT_EQ(Create(MakeNode("id2", "name2")), Status::Ok());
  ASSERT_EQ(Create(MakeNode("id3", "name2")), Status::Ok());
  EXPECT_EQ(Create(MakeNode("id1", "other")), Failed(store_errors::kExist));

  EXPECT_EQ(Ids<pb::Node>(By::Name("name1")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Node>(By::Name("NAME2")), Names({"id2", "id3"}));
  EXPECT_EQ(Ids<pb::Node>(By::Name("name")), Names());
  EXPECT_EQ(Ids<pb::Node>(By::NamePrefix("nAme")), Names({"id1", "id2", "id3"}));
  EXPECT_EQ(Ids<pb::Node>(By::Or({By::Name("name1"), By::Name("name2")})),
            Names({"id1", "id2", "id3"}));
  EXPECT_EQ(Ids<pb::Node>(By::IdPrefix("id")), Names({"id1", "id2", "id3"}));
  EXPECT_EQ(Ids<pb::Node>(By::IdPrefix("ID")), Names()) << "ids are case-sensitive";
  EXPECT_EQ(Ids<pb::Node>(By::Role(pb::MANAGER)), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Node>(By::Role(pb::WORKER)), Names({"id2", "id3"}));
  EXPECT_EQ(Ids<pb::Node>(By::Membership(pb::NodeSpec::ACCEPTED)), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Node>(By::Membership(pb::NodeSpec::PENDING)), Names({"id2", "id3"}));
}

TEST_P(StoreSuite, ANodeWithoutDescriptionHasNoName) {
  auto node = std::make_shared<pb::Node>();
  node->set_id("id1");
  ASSERT_EQ(Create(node), Status::Ok());
  EXPECT_EQ(Ids<pb::Node>(By::Name("")), Names());
  EXPECT_EQ(Ids<pb::Node>(By::NamePrefix("")), Names());
  EXPECT_EQ(Ids<pb::Node>(By::All()), Names({"id1"}));
}

// Pinned upstream: changes are seen at once inside the transaction.
TEST_P(StoreSuite, ATransactionSeesItsOwnWritesInEveryIndex) {
  ASSERT_EQ(Create(MakeNode("id1", "name1")), Status::Ok());
  ASSERT_EQ(Update([&](Transaction& tx) {
              auto node = Copy(tx.Get<pb::Node>("id1"));
              node->mutable_description()->set_hostname("renamed");
              node->set_role(pb::MANAGER);
              SWARM_RETURN_IF_ERROR(tx.Update(node));
              EXPECT_EQ(Ids<pb::Node>(tx, By::Name("renamed")), Names({"id1"}));
              EXPECT_EQ(Ids<pb::Node>(tx, By::Name("name1")), Names());
              EXPECT_EQ(Ids<pb::Node>(tx, By::Role(pb::MANAGER)), Names({"id1"}));
              EXPECT_EQ(tx.Update(MakeNode("id9", "x")), Failed(store_errors::kNotExist));
              EXPECT_EQ(Ids<pb::Node>(*view(), By::Name("renamed")), Names())
                  << "a view has only what is committed";
              SWARM_RETURN_IF_ERROR(tx.Remove<pb::Node>("id1"));
              EXPECT_EQ(tx.Get<pb::Node>("id1"), nullptr);
              EXPECT_EQ(Ids<pb::Node>(tx, By::Name("renamed")), Names());
              EXPECT_EQ(tx.Count(Table::kNode), 0u);
              EXPECT_EQ(tx.Remove<pb::Node>("id1"), Failed(store_errors::kNotExist));
              return tx.Create(MakeNode("id1", "again"));
            }),
            Status::Ok());
  EXPECT_EQ(Ids<pb::Node>(By::Name("again")), Names({"id1"}));
}

// Pinned upstream: names are unique whatever their case, also on update.
TEST_P(StoreSuite, ServiceNamesAreUnique) {
  ASSERT_EQ(Create(MakeService("id1", "name1")), Status::Ok());
  ASSERT_EQ(Create(MakeService("id2", "name2")), Status::Ok());
  EXPECT_EQ(Create(MakeService("id1", "other")), Failed(store_errors::kExist));
  EXPECT_EQ(Create(MakeService("id3", "NAME1")), Failed(store_errors::kNameConflict));
  EXPECT_EQ(Create(MakeService("id1", "name1")), Failed(store_errors::kNameConflict))
      << "the name is looked at first";
  EXPECT_EQ(Update([](Transaction& tx) {
              auto service = Copy(tx.Get<pb::Service>("id2"));
              service->mutable_spec()->mutable_annotations()->set_name("Name1");
              return tx.Update(service);
            }),
            Failed(store_errors::kNameConflict));
  EXPECT_EQ(Update([](Transaction& tx) {
              auto service = Copy(tx.Get<pb::Service>("id2"));
              service->mutable_spec()->mutable_annotations()->set_name("NAME2");
              return tx.Update(service);
            }),
            Status::Ok())
      << "its own name in another case";
  EXPECT_EQ(Ids<pb::Service>(By::NamePrefix("name1")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::NamePrefix("NAME1")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::Or({By::NamePrefix("missing"), By::NamePrefix("name")})),
            Names({"id1", "id2"}));
}

TEST_P(StoreSuite, ServicesAreFoundByWhatTheyReference) {
  auto service = MakeService("id1", "s1");
  auto* task = service->mutable_spec()->mutable_task();
  task->add_networks()->set_target("net1");
  task->add_networks()->set_target("net1");
  task->mutable_container()->add_secrets()->set_secret_id("sec1");
  task->mutable_container()->add_configs()->set_config_id("conf1");
  auto generic = MakeService("id2", "s2");
  generic->mutable_spec()->mutable_task()->mutable_generic()->set_kind("Custom");
  ASSERT_EQ(Create(service), Status::Ok());
  ASSERT_EQ(Create(generic), Status::Ok());
  EXPECT_EQ(Ids<pb::Service>(By::ReferencedNetwork("net1")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::ReferencedNetwork("net")), Names()) << "not a prefix";
  EXPECT_EQ(Ids<pb::Service>(By::ReferencedSecret("sec1")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::ReferencedConfig("conf1")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::Runtime("container")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::Runtime("custom")), Names({"id2"}));
  ASSERT_EQ(Update([](Transaction& tx) {
              auto changed = Copy(tx.Get<pb::Service>("id1"));
              changed->mutable_spec()->mutable_task()->mutable_networks(0)->set_target("net2");
              return tx.Update(changed);
            }),
            Status::Ok());
  EXPECT_EQ(Ids<pb::Service>(By::ReferencedNetwork("net1")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::ReferencedNetwork("net2")), Names({"id1"}));
}

// Pinned upstream.
TEST_P(StoreSuite, NetworksAreUniqueByIdAndName) {
  ASSERT_EQ(Create(MakeNetwork("id1", "name1")), Status::Ok());
  EXPECT_EQ(Create(MakeNetwork("id1", "name9")), Failed(store_errors::kExist));
  EXPECT_EQ(Create(MakeNetwork("id2", "name1")), Failed(store_errors::kNameConflict));
  EXPECT_EQ(Ids<pb::Network>(By::Name("Name1")), Names({"id1"}));
  ASSERT_EQ(Update([](Transaction& tx) { return tx.Remove<pb::Network>("id1"); }), Status::Ok());
  EXPECT_EQ(Ids<pb::Network>(By::Name("name1")), Names());
  EXPECT_EQ(Create(MakeNetwork("id2", "name1")), Status::Ok()) << "the name is free again";
}

// Pinned upstream: derived names, exact counts by node, service, states.
TEST_P(StoreSuite, TasksAreFoundByEveryIndex) {
  auto t1 = MakeTask("id1", "svc1", 1, "node1");
  auto t2 = MakeTask("id2", "svc1", 2);
  auto t3 = MakeTask("id3", "svc2", 0, "node1");
  t1->status.state = pb::RUNNING;
  t1->desired_state = pb::RUNNING;
  t2->desired_state = pb::SHUTDOWN;
  auto extras = std::make_shared<TaskExtras>();
  extras->annotations.set_name("Own");
  extras->volumes.emplace_back().set_id("vol1");
  AddIndex(&extras->annotations, "zone", "north");
  t2->extras = extras;
  for (const auto& t : {t1, t2, t3}) ASSERT_EQ(CreateTask(t), Status::Ok());
  EXPECT_EQ(CreateTask(MakeTask("id1", "x", 9)), Failed(store_errors::kExist));

  EXPECT_EQ(TaskIds(By::All()), Names({"id1", "id2", "id3"}));
  EXPECT_EQ(TaskIds(By::Name("name-of-svc1.1.id1")), Names({"id1"}));
  EXPECT_EQ(TaskIds(By::Name("NAME-of-svc2.node1.id3")), Names({"id3"})) << "slot 0: the node";
  EXPECT_EQ(TaskIds(By::Name("own")), Names({"id2"}));
  EXPECT_EQ(TaskIds(By::NamePrefix("name-of-svc")), Names({"id1", "id3"}));
  EXPECT_EQ(TaskIds(By::Node("node1")), Names({"id1", "id3"}));
  EXPECT_EQ(TaskIds(By::Node("")), Names({"id2"})) << "unassigned";
  EXPECT_EQ(TaskIds(By::Service("svc1")), Names({"id1", "id2"}));
  EXPECT_EQ(TaskIds(By::Slot("svc1", 2)), Names({"id2"}));
  EXPECT_EQ(TaskIds(By::Slot("svc1", 3)), Names());
  EXPECT_EQ(TaskIds(By::DesiredState(pb::SHUTDOWN)), Names({"id2"}));
  EXPECT_EQ(TaskIds(By::DesiredState(pb::NEW)), Names({"id3"}));
  EXPECT_EQ(TaskIds(By::TaskState(pb::RUNNING)), Names({"id1"}));
  EXPECT_EQ(TaskIds(By::Runtime("container")), Names({"id1", "id2", "id3"}));
  EXPECT_EQ(TaskIds(By::VolumeAttachment("vol1")), Names({"id2"}));
  EXPECT_EQ(TaskIds(By::Custom("zone", "north")), Names({"id2"}));

  ASSERT_EQ(Update([](Transaction& tx) {
              auto task = Copy(tx.GetTask("id1"));
              task->node_id = "node2";
              task->status.state = pb::FAILED;
              task->desired_state = pb::SHUTDOWN;
              return tx.UpdateTask(task);
            }),
            Status::Ok());
  EXPECT_EQ(TaskIds(By::Node("node1")), Names({"id3"}));
  EXPECT_EQ(TaskIds(By::Node("node2")), Names({"id1"}));
  EXPECT_EQ(TaskIds(By::TaskState(pb::RUNNING)), Names());
  EXPECT_EQ(TaskIds(By::DesiredState(pb::SHUTDOWN)), Names({"id1", "id2"}));

  // A derived name that moves with the node.
  ASSERT_EQ(Update([](Transaction& tx) {
              auto task = Copy(tx.GetTask("id3"));
              task->node_id = "node7";
              return tx.UpdateTask(task);
            }),
            Status::Ok());
  EXPECT_EQ(TaskIds(By::NamePrefix("name-of-svc2.node1")), Names());
  EXPECT_EQ(TaskIds(By::Name("name-of-svc2.node7.id3")), Names({"id3"}));
  EXPECT_EQ(TaskIds(By::Service("svc2")), Names({"id3"}));
}

// Pinned upstream.
TEST_P(StoreSuite, OrGivesEachObjectOnceInBranchOrder) {
  for (const char* n : {"1", "2", "3"}) {
    ASSERT_EQ(Create(MakeService(string("id") + n, string("name") + n)), Status::Ok());
  }
  EXPECT_EQ(Ids<pb::Service>(By::Or({})), Names());
  EXPECT_EQ(Ids<pb::Service>(By::Or({By::Name("name2"), By::Name("name2")})), Names({"id2"}));
  EXPECT_EQ(Ids<pb::Service>(By::Or({By::Name("name3"), By::IdPrefix("id")})),
            Names({"id3", "id1", "id2"}));
  EXPECT_EQ(Ids<pb::Service>(By::Or({By::Name("none"), By::Name("name1")})), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::Or({By::Or({By::Name("name2")}), By::All()})),
            Names({"id2", "id1", "id3"}));
}

// Pinned upstream: two entries of one key; a prefix finds an object once.
TEST_P(StoreSuite, CustomIndicesMayHaveManyValues) {
  auto s1 = MakeService("id1", "name1");
  AddIndex(s1->mutable_spec()->mutable_annotations(), "fruit", "apple");
  AddIndex(s1->mutable_spec()->mutable_annotations(), "fruit", "apricot");
  auto s2 = MakeService("id2", "name2");
  AddIndex(s2->mutable_spec()->mutable_annotations(), "fruit", "apple");
  ASSERT_EQ(Create(s1), Status::Ok());
  ASSERT_EQ(Create(s2), Status::Ok());
  EXPECT_EQ(Ids<pb::Service>(By::Custom("fruit", "apple")), Names({"id1", "id2"}));
  EXPECT_EQ(Ids<pb::Service>(By::Custom("fruit", "apricot")), Names({"id1"}));
  EXPECT_EQ(Ids<pb::Service>(By::Custom("fruit", "ap")), Names());
  EXPECT_EQ(Ids<pb::Service>(By::CustomPrefix("fruit", "ap")), Names({"id1", "id2"}));
  EXPECT_EQ(Ids<pb::Service>(By::CustomPrefix("fruit", "b")), Names());
}

TEST_P(StoreSuite, AnIndexThatATableDoesNotHaveIsRefused) {
  const Status refused(Code::kInvalidArgument, string(store_errors::kInvalidFindBy));
  EXPECT_EQ(view()->Find<pb::Service>(By::Node("n")).status(), refused);
  EXPECT_EQ(view()->Find<pb::Node>(By::Or({By::All(), By::Service("s")})).status(), refused);
  EXPECT_EQ(view()->Find<pb::Extension>(By::NamePrefix("x")).status(), refused);
  EXPECT_EQ(view()->FindTasks(By::Role(pb::MANAGER)).status(), refused);
}

TEST_P(StoreSuite, ExtensionsAndResourcesGuardEachOther) {
  EXPECT_EQ(Create(MakeResource("r0", "res", "kind1")), Failed(store_errors::kNoKind));
  ASSERT_EQ(Create(MakeExtension("e1", "Kind1")), Status::Ok());
  EXPECT_EQ(Create(MakeExtension("e2", "kind1")), Failed(store_errors::kNameConflict));
  EXPECT_EQ(Create(MakeExtension("e3", "service")), Failed(store_errors::kNameConflict));
  EXPECT_EQ(Create(MakeExtension("e4", "Service")), Status::Ok()) << "table names: exact case";
  EXPECT_EQ(Update([](Transaction& tx) { return tx.Update(Copy(tx.Get<pb::Extension>("e1"))); }),
            Failed(store_errors::kExtensionImmutable));

  ASSERT_EQ(Create(MakeResource("r1", "res1", "kind1")), Status::Ok()) << "kinds: any case";
  EXPECT_EQ(Create(MakeResource("r2", "RES1", "Kind1")), Failed(store_errors::kNameConflict));
  EXPECT_EQ(Ids<pb::Resource>(By::OfKind("Kind1")), Names()) << "by kind: exact case";
  EXPECT_EQ(Ids<pb::Resource>(By::OfKind("kind1")), Names({"r1"}));
  const auto remove = [](Transaction& tx) { return tx.Remove<pb::Extension>("e1"); };
  EXPECT_EQ(Update(remove), Status::Ok()) << "a kind in other case does not hold the extension";

  ASSERT_EQ(Create(MakeExtension("e5", "kind5")), Status::Ok());
  ASSERT_EQ(Create(MakeResource("r5", "res5", "kind5")), Status::Ok());
  EXPECT_EQ(Update([](Transaction& tx) { return tx.Remove<pb::Extension>("e5"); }),
            Failed("cannot delete extension because objects of this type exist in the data store"));
  EXPECT_EQ(Update([](Transaction& tx) { return tx.Update(Copy(tx.Get<pb::Resource>("r1"))); }),
            Failed(store_errors::kNoKind))
      << "its extension is gone";
  EXPECT_EQ(Update([](Transaction& tx) {
              SWARM_RETURN_IF_ERROR(tx.Remove<pb::Resource>("r5"));
              return tx.Remove<pb::Extension>("e5");
            }),
            Status::Ok());
}

TEST_P(StoreSuite, VolumesNeedADriver) {
  ASSERT_EQ(Create(MakeVolume("v1", "vol1", "group1", "csi")), Status::Ok());
  ASSERT_EQ(Create(MakeVolume("v2", "vol2", "", "csi")), Status::Ok());
  auto bare = MakeVolume("v3", "vol3", "", "");
  bare->mutable_spec()->clear_driver();
  EXPECT_EQ(Create(bare), Failed("missing value for index 'driver'"));
  EXPECT_EQ(Ids<pb::Volume>(By::Driver("csi")), Names({"v1", "v2"}));
  EXPECT_EQ(Ids<pb::Volume>(By::VolumeGroup("group1")), Names({"v1"}));
  EXPECT_EQ(Ids<pb::Volume>(By::VolumeGroup("")), Names({"v2"}));
}

TEST_P(StoreSuite, OrderIsByBytes) {
  for (const char* id : {"b", "B", "a", "a0", "\xc3\xa4", "Z"}) {
    ASSERT_EQ(Create(MakeNode(id, string("h-") + id)), Status::Ok());
  }
  EXPECT_EQ(Ids<pb::Node>(By::All()), Names({"B", "Z", "a", "a0", "b", "\xc3\xa4"}));
  EXPECT_EQ(Ids<pb::Node>(By::NamePrefix("h-")), Names({"a", "a0", "B", "b", "Z", "\xc3\xa4"}));
}

TEST_P(StoreSuite, AVisitEndsWhenItWantsTo) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(Create(MakeNode("n" + std::to_string(i), "same")), Status::Ok());
  }
  for (const By& by : {By::All(), By::Name("same"), By::Or({By::All(), By::All()})}) {
    int seen = 0;
    ASSERT_TRUE(
        view()->FindMessages(Table::kNode, by, [&](const MessagePtr&) { return ++seen < 3; }).ok());
    EXPECT_EQ(seen, 3);
  }
}

}  // namespace
}  // namespace swarm::conformance
