#include <gtest/gtest.h>

#include <map>

#include "orchestrator_world.h"

namespace swarm::orchestrator {
namespace {

using namespace std::chrono_literals;

class GlobalTest : public testing::Test {
 protected:
  void AddGlobal(const std::string& id, std::function<void(pb::Service&)> edit = {}) {
    world_.AddService(id, 0, [&](pb::Service& service) {
      service.mutable_spec()->mutable_global();
      if (edit) edit(service);
    });
  }
  // Nodes with a wanted task of the service, and how many.
  std::map<std::string, int> Nodes(const std::string& service = "agent") {
    std::map<std::string, int> out;
    for (const TaskPtr& task : world_.Wanted(service)) ++out[task->node_id];
    return out;
  }
  void SetAvailability(const std::string& node, pb::NodeSpec::Availability availability) {
    world_.EditNode(node, [=](pb::Node& n) { n.mutable_spec()->set_availability(availability); });
  }
  void Fail(const std::string& node) {
    for (const TaskPtr& task : world_.Wanted("agent")) {
      if (task->node_id == node) world_.SetState(task->id, pb::FAILED);
    }
  }
  using Counts = std::map<std::string, int>;
  World world_;
};

// Pinned by SwarmKit.
TEST_F(GlobalTest, OneTaskANodeAlsoOnNewNodes) {
  world_.AddNode("n1");
  StartOrchestrator(world_);
  AddGlobal("agent");
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}}));
  EXPECT_EQ(world_.Wanted("agent")[0]->slot, 0u);
  EXPECT_EQ(world_.Wanted("agent")[0]->desired_state, pb::RUNNING);
  world_.AddNode("n2");
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}, {"n2", 1}}));
}

// Pinned by SwarmKit.
TEST_F(GlobalTest, ARemovedNodeTakesItsTaskAway) {
  world_.AddNode("n1");
  StartOrchestrator(world_);
  AddGlobal("agent");
  world_.RemoveNode("n1");
  EXPECT_TRUE(world_.Tasks("agent").empty());
}

// Pinned by SwarmKit.
TEST_F(GlobalTest, DrainedAndDownNodesAreLeftAndComeBack) {
  world_.AddNode("n1");
  world_.AddNode("n2");
  StartOrchestrator(world_);
  AddGlobal("agent");
  SetAvailability("n1", pb::NodeSpec::DRAIN);
  EXPECT_EQ(Nodes(), (Counts{{"n2", 1}}));
  world_.UpdateService("agent", [](pb::ServiceSpec& s) { s.mutable_task()->set_force_update(1); });
  EXPECT_EQ(Nodes().count("n1"), 0u);
  SetAvailability("n1", pb::NodeSpec::ACTIVE);
  EXPECT_EQ(Nodes().at("n1"), 1);
  world_.EditNode("n2", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}}));
  world_.EditNode("n2", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::READY); });
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}, {"n2", 1}}));
}

// Pinned by SwarmKit.
TEST_F(GlobalTest, APausedNodeKeepsItsTaskButGetsNoReplacement) {
  world_.AddNode("n1");
  StartOrchestrator(world_);
  AddGlobal("agent");
  SetAvailability("n1", pb::NodeSpec::PAUSE);
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}}));
  Fail("n1");
  world_.sim().RunFor(10s);
  EXPECT_EQ(Nodes(), Counts{});
}

// Whether the leader saw the change or comes later.
TEST_F(GlobalTest, APausedNodeThatChangesKeepsItsTaskUntilTheServiceChanges) {
  world_.AddNode("n1", [](pb::Node& n) {
    (*n.mutable_spec()->mutable_annotations()->mutable_labels())["disk"] = "ssd";
  });
  StartOrchestrator(world_);
  AddGlobal("agent", [](pb::Service& s) {
    s.mutable_spec()->mutable_task()->mutable_placement()->add_constraints(
        "node.labels.disk == ssd");
  });
  SetAvailability("n1", pb::NodeSpec::PAUSE);
  world_.EditNode("n1", [](pb::Node& n) {
    (*n.mutable_spec()->mutable_annotations()->mutable_labels())["disk"] = "hdd";
  });
  world_.Stop();
  StartOrchestrator(world_);
  world_.sim().RunFor(10s);
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}}));
  world_.UpdateService("agent", [](pb::ServiceSpec& s) {
    s.mutable_task()->mutable_placement()->set_constraints(0, "node.labels.disk == nvme");
  });
  EXPECT_EQ(Nodes(), Counts{});
}

TEST_F(GlobalTest, ConstraintsChooseTheNodes) {
  world_.AddNode("n1");
  world_.AddNode("n2");
  StartOrchestrator(world_);
  AddGlobal("agent", [](pb::Service& s) {
    s.mutable_spec()->mutable_task()->mutable_placement()->add_constraints("node.id == n2");
  });
  EXPECT_EQ(Nodes(), (Counts{{"n2", 1}}));
}

TEST_F(GlobalTest, AFailedTaskIsRestartedOnItsNode) {
  world_.AddNode("n1");
  StartOrchestrator(world_);
  AddGlobal("agent");
  Fail("n1");
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}}));
  EXPECT_EQ(world_.Wanted("agent")[0]->desired_state, pb::READY);
  world_.sim().RunFor(6s);
  EXPECT_EQ(world_.Wanted("agent")[0]->desired_state, pb::RUNNING);
}

// Pinned by SwarmKit.
TEST_F(GlobalTest, WhatIsNotRestartedComesBackOnlyWithANewSpec) {
  world_.AddNode("n1");
  StartOrchestrator(world_);
  AddGlobal("agent", [](pb::Service& s) { PolicyOf(s).set_condition(pb::RestartPolicy::NONE); });
  Fail("n1");
  world_.UpdateService("agent", [](pb::ServiceSpec&) {});
  world_.sim().RunFor(10s);
  EXPECT_EQ(Nodes(), Counts{});
  world_.UpdateService("agent", [](pb::ServiceSpec& s) { s.mutable_task()->set_force_update(1); });
  world_.sim().RunFor(10s);
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}}));
}

// Pinned by SwarmKit: the deletion of a global task is somebody's decision.
TEST_F(GlobalTest, ADeletedTaskIsNotMadeAgain) {
  world_.AddNode("n1");
  StartOrchestrator(world_);
  AddGlobal("agent");
  world_.sim().RunFor(5s);
  const std::string id = world_.Tasks("agent").at(0)->id;
  world_.Write([&](Transaction& tx) { return tx.Delete(Table::kTask, id); });
  world_.sim().RunFor(5s);
  EXPECT_EQ(Nodes(), Counts{});
}

TEST_F(GlobalTest, ANodeThatBeginsToMatchGetsATask) {
  world_.AddNode("n1");
  StartOrchestrator(world_);
  AddGlobal("agent", [](pb::Service& s) {
    s.mutable_spec()->mutable_task()->mutable_placement()->add_constraints(
        "node.labels.disk == ssd");
  });
  EXPECT_EQ(Nodes(), Counts{});
  world_.EditNode("n1", [](pb::Node& n) {
    (*n.mutable_spec()->mutable_annotations()->mutable_labels())["disk"] = "ssd";
  });
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}}));
}

TEST_F(GlobalTest, ServicesThatAreConstrainedElsewhereLeaveTheirNodes) {
  world_.AddNode("n1");
  world_.AddNode("n2");
  StartOrchestrator(world_);
  AddGlobal("agent");
  world_.UpdateService("agent", [](pb::ServiceSpec& s) {
    s.mutable_task()->mutable_placement()->add_constraints("node.id == n2");
  });
  world_.sim().RunFor(1min);
  EXPECT_EQ(Nodes(), (Counts{{"n2", 1}}));
}

TEST_F(GlobalTest, AnUpdateReachesEveryNode) {
  world_.AddNode("n1");
  world_.AddNode("n2");
  StartOrchestrator(world_);
  world_.RunTasks();
  AddGlobal("agent");
  world_.UpdateService(
      "agent", [](pb::ServiceSpec& s) { s.mutable_task()->mutable_container()->set_image("new"); });
  ASSERT_TRUE(world_.Until([&] {
    const auto running = world_.Running("agent");
    return running.size() == 2 && std::ranges::all_of(running, [](const TaskPtr& task) {
             return task->spec->container().image() == "new";
           });
  }));
}

// Pinned by SwarmKit.
TEST_F(GlobalTest, ANewLeaderRepairsWhatIsWrong) {
  world_.AddNode("n1");
  world_.AddNode("drained",
                 [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  AddGlobal("agent");
  const auto on = [](const char* node, pb::TaskState state) {
    return [=](Task& task) {
      task.node_id = node;
      task.status.state = state;
    };
  };
  world_.AddTask("failed", "agent", on("n1", pb::FAILED));
  world_.AddTask("drained", "agent", on("drained", pb::RUNNING));
  world_.AddTask("missing", "agent", on("gone", pb::RUNNING));
  StartOrchestrator(world_);
  EXPECT_EQ(world_.GetTask("failed")->desired_state, pb::SHUTDOWN);
  EXPECT_EQ(world_.GetTask("drained")->desired_state, pb::SHUTDOWN);
  EXPECT_EQ(world_.GetTask("missing")->desired_state, pb::SHUTDOWN);
  EXPECT_EQ(Nodes(), (Counts{{"n1", 1}}));
}

}  // namespace
}  // namespace swarm::orchestrator
