#include "placement.h"

#include <gtest/gtest.h>

#include "scheduler_world.h"

namespace swarm::scheduler {
namespace {

class PlacementTest : public SchedulerWorld {};

// Pinned by SwarmKit.
TEST_F(PlacementTest, PreferencesShareEvenlyOverLabels) {
  Start();
  const auto zone = [](const char* az) {
    return [=](pb::Node& n) {
      (*n.mutable_spec()->mutable_annotations()->mutable_labels())["az"] = az;
    };
  };
  world_.AddNode("a1", zone("az1"));
  for (const char* id : {"b1", "b2", "b3"}) world_.AddNode(id, zone("az2"));
  world_.AddNode("c1");
  const auto prefer = [](pb::Service& s) {
    s.mutable_spec()
        ->mutable_task()
        ->mutable_placement()
        ->add_preferences()
        ->mutable_spread()
        ->set_spread_descriptor("node.labels.az");
  };
  world_.AddService("web", 12, prefer);
  AddTasks("web", 12);
  const auto per_node = PerNode("web");
  EXPECT_EQ(per_node.at("a1"), 4);
  EXPECT_EQ(per_node.at("c1"), 4) << "nodes without the label are a group";
  EXPECT_EQ(per_node.at("b1") + per_node.at("b2") + per_node.at("b3"), 4);
  AddTasks("web", 3, "more");
  EXPECT_EQ(PerNode("web").at("a1"), 5);
}

// Pinned by SwarmKit.
TEST_F(PlacementTest, AFullBranchLeavesTheRestToOthers) {
  Start();
  const auto zone = [](const char* az, std::int64_t cpus) {
    return [=](pb::Node& n) {
      (*n.mutable_spec()->mutable_annotations()->mutable_labels())["az"] = az;
      Offer(n, cpus, 1 << 20);
    };
  };
  world_.AddNode("a1", zone("az1", 5));
  world_.AddNode("b1", zone("az2", 100));
  world_.AddService("web", 12, [](pb::Service& s) {
    Reserve(s, 1, 0);
    s.mutable_spec()
        ->mutable_task()
        ->mutable_placement()
        ->add_preferences()
        ->mutable_spread()
        ->set_spread_descriptor("node.labels.az");
  });
  AddTasks("web", 12);
  EXPECT_EQ(PerNode("web"), (std::map<std::string, int>{{"a1", 5}, {"b1", 7}}));
}

// Pinned by SwarmKit: tasks that are there already count, wherever they came from.
TEST_F(PlacementTest, ExistingTasksCountForTheBalance) {
  for (const char* id : {"a1", "a2", "b1"}) {
    world_.AddNode(id, [&](pb::Node& n) { Label(n, "az", std::string(1, id[0])); });
  }
  world_.AddService("web", 8, [](pb::Service& s) { SpreadOver(s, "node.labels.az"); });
  for (int i = 0; i < 4; ++i) {
    world_.AddTask("there" + std::to_string(i), "web", [&](Task& task) {
      task.slot = static_cast<std::uint64_t>(100 + i);
      task.node_id = "b1";
      task.status.state = pb::RUNNING;
    });
  }
  Start();
  AddTasks("web", 4);
  EXPECT_EQ(PerNode("web"), (std::map<std::string, int>{{"a1", 2}, {"a2", 2}, {"b1", 4}}));
}

// Pinned by SwarmKit: two levels, of which one branch has little room.
TEST_F(PlacementTest, TwoLevelsShareWhatABranchCannotTake) {
  Start();
  const auto add = [&](const char* id, const char* az, const char* rack, std::int64_t cpus) {
    world_.AddNode(id, [=](pb::Node& n) {
      Label(n, "az", az);
      Label(n, "rack", rack);
      Offer(n, cpus, 1 << 30);
    });
  };
  add("n1", "az1", "rack1", 1);
  add("n2", "az1", "rack1", 1);
  add("n3", "az1", "rack2", 3);
  add("n4", "az2", "rack1", 100);
  add("n5", "az2", "rack2", 100);
  world_.AddService("web", 12, [](pb::Service& s) {
    SpreadOver(s, "node.labels.az");
    SpreadOver(s, "node.labels.rack");
    Reserve(s, 1, 0);
  });
  AddTasks("web", 12);
  const auto per_node = PerNode("web");
  EXPECT_EQ(per_node.at("n1") + per_node.at("n2") + per_node.at("n3"), 5);
  EXPECT_EQ(per_node.at("n4") + per_node.at("n5"), 7);
  EXPECT_EQ(std::abs(per_node.at("n4") - per_node.at("n5")), 1);
}

// Pinned by SwarmKit: growing beyond what one branch can take ends, with all tasks placed.
TEST_F(PlacementTest, GrowingPastAFullBranchEnds) {
  Start();
  world_.AddNode("a1", [](pb::Node& n) {
    Label(n, "az", "1");
    Offer(n, 1, 1 << 20);
  });
  world_.AddNode("b1", [](pb::Node& n) {
    Label(n, "az", "2");
    Offer(n, 100, 1 << 20);
  });
  world_.AddService("web", 1, [](pb::Service& s) {
    SpreadOver(s, "node.labels.az");
    Reserve(s, 1, 0);
  });
  for (int round = 0; round < 6; ++round) AddTasks("web", 2, "r" + std::to_string(round) + "-");
  EXPECT_EQ(PerNode("web"), (std::map<std::string, int>{{"a1", 1}, {"b1", 11}}));
}

// Pinned by SwarmKit: a node is counted on each level above it, under "" where it has no label.
TEST(PlacementTreeTest, EachLevelCountsWhatIsBelowIt) {
  const auto simulation = std::make_unique<Simulation>(1);
  const auto random = simulation->AddMachine("m").runtime().NewRandom();
  pb::TaskSpec spec;
  for (const char* label : {"NODE.LABELS.az", "engine.labels.disk", "node.labels.", "other"}) {
    spec.mutable_placement()->add_preferences()->mutable_spread()->set_spread_descriptor(label);
  }
  auto task = std::make_shared<Task>();
  task->spec = std::make_shared<const pb::TaskSpec>(spec);
  task->desired_state = pb::RUNNING;

  NodeTable nodes(*random);
  const auto add = [&](const std::string& id, const char* az, const char* disk, int tasks,
                       pb::NodeStatus::State state) {
    auto node = std::make_shared<pb::Node>();
    node->set_id(id);
    node->mutable_status()->set_state(state);
    if (az) (*node->mutable_spec()->mutable_annotations()->mutable_labels())["az"] = az;
    if (disk) (*node->mutable_description()->mutable_engine()->mutable_labels())["disk"] = disk;
    nodes.Set(node);
    Task counted = *task;
    counted.node_id = id;
    for (int i = 0; i < tasks; ++i) nodes.Count(counted, 7, 1);
  };
  add("n1", "1", "ssd", 2, pb::NodeStatus::READY);
  add("n2", "1", "hdd", 1, pb::NodeStatus::DOWN);
  add("n3", "1", nullptr, 4, pb::NodeStatus::READY);
  add("n4", nullptr, nullptr, 8, pb::NodeStatus::READY);

  const Pipeline pipeline(task, 7);
  PlacementRequest request{spec.placement(), pipeline, 7, {7, 0}, {}, *random, [](NodeState&) {}};
  const PlacementTree tree(request, nodes.All());
  EXPECT_EQ(tree.TasksForTest({}), 15u);
  EXPECT_EQ(tree.TasksForTest({"1"}), 7u);
  EXPECT_EQ(tree.TasksForTest({"1", "ssd"}), 2u);
  EXPECT_EQ(tree.TasksForTest({"1", "hdd"}), 1u) << "also on nodes that take no tasks";
  EXPECT_EQ(tree.TasksForTest({"1", ""}), 4u);
  EXPECT_EQ(tree.TasksForTest({""}), 8u);
  EXPECT_EQ(tree.TasksForTest({"", ""}), 8u);
}

// Few tasks on many nodes are placed without looking at all of these, and as well.
TEST_F(PlacementTest, AFewTasksGoToTheLeastLoadedOfManyNodes) {
  Start();
  for (int i = 0; i < 20; ++i) world_.AddNode("n" + std::to_string(i));
  world_.AddService("load", 15);
  AddTasks("load", 15, "load");
  std::set<std::string> idle;
  for (int i = 0; i < 20; ++i) idle.insert("n" + std::to_string(i));
  for (const auto& [node, count] : PerNode("load")) idle.erase(node);
  ASSERT_EQ(idle.size(), 5u);
  world_.AddService("web", 5);
  for (int i = 0; i < 5; ++i) AddTasks("web", 1, "web" + std::to_string(i) + "-");
  std::set<std::string> used;
  for (const auto& [node, count] : PerNode("web")) used.insert(node);
  EXPECT_EQ(used, idle);
}

}  // namespace
}  // namespace swarm::scheduler
