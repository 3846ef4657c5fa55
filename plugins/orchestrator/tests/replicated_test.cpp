#include "replicated.h"

#include <gtest/gtest.h>

#include <map>

#include "orchestrator_world.h"

namespace swarm::orchestrator {
namespace {

using namespace std::chrono_literals;

std::map<pb::TaskState, int> ByDesired(const std::vector<TaskPtr>& tasks) {
  std::map<pb::TaskState, int> out;
  for (const TaskPtr& task : tasks) ++out[task->desired_state];
  return out;
}

// Pinned by SwarmKit.
TEST(ReplicatedTest, MakesTheTasksOfAServiceThatWasThereBefore) {
  World world;
  world.AddService("web", 2);
  StartOrchestrator(world);
  const auto tasks = world.Tasks("web");
  ASSERT_EQ(tasks.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(tasks[i]->slot, i + 1);
    EXPECT_EQ(tasks[i]->status.state, pb::NEW);
    EXPECT_EQ(tasks[i]->status.message, "created");
    EXPECT_EQ(tasks[i]->desired_state, pb::RUNNING);
    EXPECT_EQ(tasks[i]->service_annotations->name(), "web");
    EXPECT_EQ(tasks[i]->id.size(), 25u);
    EXPECT_TRUE(tasks[i]->has_spec_version);
  }
  // Equal parts exist once.
  EXPECT_EQ(tasks[0]->spec, tasks[1]->spec);
  EXPECT_EQ(tasks[0]->service_annotations, tasks[1]->service_annotations);
}

// Pinned by SwarmKit.
TEST(ReplicatedTest, ScalesUpAndDown) {
  World world;
  StartOrchestrator(world);
  world.AddService("web", 1);
  ASSERT_EQ(world.Tasks("web").size(), 1u);
  world.UpdateService("web", [](pb::ServiceSpec& s) { s.mutable_replicated()->set_replicas(3); });
  ASSERT_EQ(world.Wanted("web").size(), 3u);
  world.RunTasks();
  ASSERT_TRUE(world.Until([&] { return world.Running("web").size() == 3; }));
  world.UpdateService("web", [](pb::ServiceSpec& s) { s.mutable_replicated()->set_replicas(1); });
  // The two that must go are removed once they have stopped.
  ASSERT_TRUE(world.Until([&] { return world.Tasks("web").size() == 1; }));
  EXPECT_EQ(world.Running("web").size(), 1u);
}

// Pinned by SwarmKit.
TEST(ReplicatedTest, ScalingDownWantsTasksRemoved) {
  World world;
  StartOrchestrator(world);
  world.AddService("web", 3);
  for (const TaskPtr& task : world.Tasks("web")) world.SetState(task->id, pb::RUNNING);
  world.UpdateService("web", [](pb::ServiceSpec& s) { s.mutable_replicated()->set_replicas(1); });
  const auto desired = ByDesired(world.Tasks("web"));
  EXPECT_EQ(desired, (std::map<pb::TaskState, int>{{pb::RUNNING, 1}, {pb::REMOVE, 2}}));
  EXPECT_EQ(world.Wanted("web")[0]->slot, 1u);
}

// Pinned by SwarmKit.
TEST(ReplicatedTest, ADeletedLiveTaskIsMadeAgain) {
  World world;
  StartOrchestrator(world);
  world.AddService("web", 1);
  const std::string id = world.Tasks("web")[0]->id;
  world.Write([&](Transaction& tx) { return tx.Delete(Table::kTask, id); });
  const auto tasks = world.Tasks("web");
  ASSERT_EQ(tasks.size(), 1u);
  EXPECT_NE(tasks[0]->id, id);
}

// Pinned by SwarmKit.
TEST(ReplicatedTest, ARemovedServiceTakesItsTasksAway) {
  World world;
  StartOrchestrator(world);
  world.RunTasks();
  world.AddService("web", 2);
  ASSERT_TRUE(world.Until([&] { return world.Running("web").size() == 2; }));
  world.RemoveService("web");
  EXPECT_TRUE(world.Until([&] { return world.Tasks("web").empty(); }));
}

// Pinned by SwarmKit. Seven tasks: one starting on n1, two on n2, three on n3, one nowhere.
TEST(ReplicatedTest, ScalingDownTakesFromTheFullestNode) {
  World world;
  for (const char* node : {"n1", "n2", "n3"}) world.AddNode(node);
  world.AddService("web", 7);
  const auto add = [&](std::uint64_t slot, const char* node, pb::TaskState state) {
    world.AddTask("task" + std::to_string(slot), "web", [=](Task& task) {
      task.slot = slot;
      task.node_id = node;
      task.status.state = state;
    });
  };
  add(1, "n1", pb::STARTING);
  add(2, "n2", pb::RUNNING);
  add(3, "n2", pb::RUNNING);
  add(4, "n3", pb::RUNNING);
  add(5, "n3", pb::RUNNING);
  add(6, "n3", pb::RUNNING);
  add(7, "", pb::NEW);
  StartOrchestrator(world);
  const auto slots = [&] {
    std::set<std::uint64_t> out;
    for (const TaskPtr& task : world.Wanted("web")) out.insert(task->slot);
    return out;
  };
  const auto scale = [&](std::uint64_t replicas) {
    world.UpdateService(
        "web", [=](pb::ServiceSpec& s) { s.mutable_replicated()->set_replicas(replicas); });
  };
  using Slots = std::set<std::uint64_t>;
  EXPECT_EQ(slots().size(), 7u);
  scale(6);
  EXPECT_EQ(slots(), (Slots{1, 2, 3, 4, 5, 6}));
  scale(4);
  EXPECT_EQ(slots(), (Slots{1, 2, 3, 4}));
  scale(2);
  EXPECT_EQ(slots(), (Slots{2, 4}));
}

// Pinned by SwarmKit.
TEST(ReplicatedTest, TasksOnLostNodesMove) {
  World world;
  world.AddNode("ready");
  world.AddNode("unknown",
                [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::UNKNOWN); });
  world.AddNode("down", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
  world.AddNode("drain",
                [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  world.AddService("web", 5);
  std::uint64_t slot = 1;
  for (const char* node : {"ready", "unknown", "down", "drain", ""}) {
    world.AddTask(std::string("on-") + node, "web", [&](Task& task) {
      task.slot = slot++;
      task.node_id = node;
      task.status.state = *node ? pb::RUNNING : pb::NEW;
    });
  }
  StartOrchestrator(world);
  const auto desired = [&](const char* id) { return world.GetTask(id)->desired_state; };
  EXPECT_EQ(desired("on-ready"), pb::RUNNING);
  EXPECT_EQ(desired("on-unknown"), pb::RUNNING);
  EXPECT_EQ(desired("on-"), pb::RUNNING);
  EXPECT_EQ(desired("on-down"), pb::SHUTDOWN);
  EXPECT_EQ(desired("on-drain"), pb::SHUTDOWN);
  EXPECT_EQ(world.Wanted("web").size(), 5u);

  world.EditNode("unknown",
                 [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  EXPECT_EQ(desired("on-unknown"), pb::SHUTDOWN);
  world.RemoveNode("ready");
  EXPECT_EQ(desired("on-ready"), pb::SHUTDOWN);
  EXPECT_EQ(world.Wanted("web").size(), 5u);

  world.AddTask("late", "web", [](Task& task) {
    task.slot = 9;
    task.node_id = "down";
    task.status.state = pb::ASSIGNED;
  });
  EXPECT_EQ(desired("late"), pb::SHUTDOWN) << "made on a node that is down";
}

// Pinned by SwarmKit.
TEST(ReplicatedTest, TasksOfServicesThatAreGoneAreDeletedAtStart) {
  World world;
  world.AddTask("orphan", "gone", [](Task& task) { task.slot = 1; });
  StartOrchestrator(world);
  EXPECT_EQ(world.GetTask("orphan"), nullptr);
}

TEST(ReplicatedTest, FreedNumbersAreUsedAgain) {
  World world;
  StartOrchestrator(world);
  world.RunTasks();
  world.AddService("web", 5);
  ASSERT_TRUE(world.Until([&] { return world.Running("web").size() == 5; }));
  const auto scale = [&](std::uint64_t replicas) {
    world.UpdateService(
        "web", [=](pb::ServiceSpec& s) { s.mutable_replicated()->set_replicas(replicas); });
    ASSERT_TRUE(world.Until([&] { return world.Tasks("web").size() == replicas; }));
  };
  scale(2);
  scale(4);
  std::set<std::uint64_t> slots;
  for (const TaskPtr& task : world.Wanted("web")) slots.insert(task->slot);
  EXPECT_EQ(slots, (std::set<std::uint64_t>{1, 2, 3, 4}));
  scale(0);
}

// A paused node keeps its tasks; what fails there is made again, and may go elsewhere.
TEST(ReplicatedTest, APausedNodeKeepsItsTasks) {
  World world;
  world.AddNode("n1");
  StartOrchestrator(world);
  world.AddService("web", 1);
  const std::string id = world.Tasks("web").at(0)->id;
  world.EditTask(id, [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  world.EditNode("n1",
                 [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::PAUSE); });
  EXPECT_EQ(world.GetTask(id)->desired_state, pb::RUNNING);
  world.SetState(id, pb::FAILED);
  ASSERT_EQ(world.Wanted("web").size(), 1u);
  EXPECT_TRUE(world.Wanted("web")[0]->node_id.empty());
}

TEST(ReplicatedTest, ANewLeaderChangesNothingThatIsRight) {
  World world;
  world.AddCluster();
  StartOrchestrator(world);
  world.RunTasks();
  world.AddService("web", 4);
  ASSERT_TRUE(world.Until([&] { return world.Running("web").size() == 4; }));
  world.sim().RunFor(10s);
  const auto before = world.Tasks("web");
  world.Stop();
  StartOrchestrator(world);
  world.sim().RunFor(10s);
  EXPECT_EQ(world.Tasks("web"), before);
}

}  // namespace
}  // namespace swarm::orchestrator
