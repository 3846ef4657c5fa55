#include "scheduler.h"

#include <gtest/gtest.h>

#include <set>

#include "scheduler_world.h"

namespace swarm::scheduler {
namespace {

using namespace std::chrono_literals;

class SchedulerTest : public SchedulerWorld {};

TEST_F(SchedulerTest, AnAssignedTaskSaysSo) {
  Start();
  world_.AddNode("n1");
  world_.AddService("web", 1);
  AddTasks("web", 1);
  const TaskPtr task = world_.GetTask("task0");
  EXPECT_EQ(task->node_id, "n1");
  EXPECT_EQ(task->status.state, pb::ASSIGNED);
  EXPECT_EQ(task->status.message, "scheduler assigned task to node");
  EXPECT_TRUE(task->status.err.empty());
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, SpreadsTasksThatWereThereBeforeAndNewOnes) {
  for (int i = 0; i < 5; ++i) world_.AddNode("n" + std::to_string(i));
  world_.AddService("web", 18);
  AddTasks("web", 18);
  Start();
  EXPECT_EQ(Counts("web"), (std::vector<int>{4, 4, 4, 3, 3}));
  // Another service goes where there is least.
  world_.AddService("db", 2);
  AddTasks("db", 2, "db");
  for (const auto& [node, count] : PerNode("db")) {
    EXPECT_EQ(count, 1);
    EXPECT_EQ(PerNode("web")[node], 3);
  }
  AddTasks("web", 3, "more");
  EXPECT_EQ(Counts("web"), (std::vector<int>{5, 4, 4, 4, 4}));
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, NodesThatAreNotReadyGetNothing) {
  Start();
  world_.AddNode("down", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
  world_.AddNode("drain",
                 [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  world_.AddNode("small", [](pb::Node& n) { Offer(n, 1, 100); });
  world_.AddService("web", 1, [](pb::Service& s) { Reserve(s, 1, 200); });
  AddTasks("web", 1);
  EXPECT_EQ(world_.GetTask("task0")->status.state, pb::PENDING);
  EXPECT_EQ(Error("task0"),
            "no suitable node (2 nodes not available for new tasks; insufficient resources on 1 "
            "node)");
  EXPECT_EQ(world_.GetTask("task0")->status.message, "pending task scheduling");
  world_.AddNode("fits", [](pb::Node& n) { Offer(n, 1, 200); });
  EXPECT_EQ(world_.GetTask("task0")->node_id, "fits");
  EXPECT_EQ(Error("task0"), "");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, WithoutNodesItSaysSo) {
  Start();
  world_.AddService("web", 1);
  AddTasks("web", 1);
  EXPECT_EQ(Error("task0"), "no suitable node");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, ResourcesReturnWhenATaskEnds) {
  world_.AddNode("n1", [](pb::Node& n) { Offer(n, 1, 1000); });
  world_.AddService("web", 2, [](pb::Service& s) { Reserve(s, 1, 100); });
  // What has ended takes nothing.
  world_.AddTask("dead", "web", [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::FAILED;
  });
  Start();
  AddTasks("web", 2);
  EXPECT_EQ(world_.GetTask("task0")->node_id, "n1");
  EXPECT_EQ(Error("task1"), "no suitable node (insufficient resources on 1 node)");
  world_.SetState("task0", pb::COMPLETE);
  EXPECT_EQ(world_.GetTask("task1")->node_id, "n1");
}

TEST_F(SchedulerTest, TasksOnANodeThatComesBackTakeTheirResources) {
  world_.AddNode("n1", [](pb::Node& n) { Offer(n, 1, 1000); });
  world_.AddService("web", 2, [](pb::Service& s) { Reserve(s, 1, 100); });
  Start();
  AddTasks("web", 1);
  world_.RemoveNode("n1");
  world_.AddNode("n1", [](pb::Node& n) { Offer(n, 1, 1000); });
  AddTasks("web", 1, "second");
  EXPECT_EQ(Error("second0"), "no suitable node (insufficient resources on 1 node)");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, ConstraintsAreObeyedAndExplained) {
  Start();
  for (const char* id : {"n1", "n2", "n3"}) world_.AddNode(id);
  world_.AddService("web", 1, [](pb::Service& s) {
    s.mutable_spec()->mutable_task()->mutable_placement()->add_constraints("node.labels.az == 1");
  });
  AddTasks("web", 1);
  EXPECT_EQ(Error("task0"), "no suitable node (scheduling constraints not satisfied on 3 nodes)");
  world_.EditNode("n2", [](pb::Node& n) {
    (*n.mutable_spec()->mutable_annotations()->mutable_labels())["az"] = "1";
  });
  EXPECT_EQ(world_.GetTask("task0")->node_id, "n2");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, PlatformsMatchWithTheirOtherNames) {
  Start();
  world_.AddNode("none");
  world_.AddNode("arm", [](pb::Node& n) {
    n.mutable_description()->mutable_platform()->set_os("linux");
    n.mutable_description()->mutable_platform()->set_architecture("aarch64");
  });
  const auto platform = [](const char* os, const char* architecture) {
    return [=](pb::Service& s) {
      auto& p = *s.mutable_spec()->mutable_task()->mutable_placement()->add_platforms();
      p.set_os(os);
      p.set_architecture(architecture);
    };
  };
  world_.AddService("arm64", 1, platform("linux", "arm64"));
  AddTasks("arm64", 1, "a");
  EXPECT_EQ(world_.GetTask("a0")->node_id, "arm");
  world_.AddService("any", 1, platform("", ""));
  AddTasks("any", 1, "b");
  EXPECT_EQ(world_.GetTask("b0")->node_id, "arm") << "a node without a platform matches nothing";
  world_.AddService("amd", 1, platform("linux", "amd64"));
  AddTasks("amd", 1, "c");
  EXPECT_EQ(Error("c0"), "no suitable node (unsupported platform on 2 nodes)");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, AHostPortIsUsedOnceANode) {
  Start();
  world_.AddNode("n1");
  world_.AddNode("n2");
  world_.AddService("web", 3);
  const auto endpoint = std::make_shared<pb::Endpoint>();
  auto& port = *endpoint->add_ports();
  port.set_publish_mode(pb::PortConfig::HOST);
  port.set_published_port(80);
  AddTasks("web", 3, "task", [&](Task& task) { task.endpoint = endpoint; });
  EXPECT_EQ(Counts("web"), (std::vector<int>{1, 1}));
  std::string waiting;
  for (const TaskPtr& task : world_.Tasks("web")) {
    if (task->node_id.empty()) waiting = task->id;
  }
  EXPECT_EQ(Error(waiting), "no suitable node (host-mode port already in use on 2 nodes)");
  const TaskPtr other = world_.GetTask(waiting == "task0" ? "task1" : "task0");
  world_.SetState(other->id, pb::SHUTDOWN);
  EXPECT_EQ(world_.GetTask(waiting)->node_id, other->node_id);
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, MaxReplicasLimitsANode) {
  Start();
  world_.AddNode("n1");
  world_.AddNode("n2");
  world_.AddService("web", 5, [](pb::Service& s) {
    s.mutable_spec()->mutable_task()->mutable_placement()->set_max_replicas(2);
  });
  AddTasks("web", 5);
  EXPECT_EQ(Counts("web"), (std::vector<int>{2, 2}));
  int waiting = 0;
  for (const TaskPtr& task : world_.Tasks("web")) {
    if (!task->node_id.empty()) continue;
    ++waiting;
    EXPECT_EQ(task->status.err, "no suitable node (max replicas per node limit exceed)");
  }
  EXPECT_EQ(waiting, 1);
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, PluginsMustBeThere) {
  Start();
  world_.AddNode("without", [](pb::Node& n) {
    n.mutable_description()->mutable_engine()->add_plugins()->set_type("Log");
  });
  world_.AddNode("with", [](pb::Node& n) {
    auto& plugin = *n.mutable_description()->mutable_engine()->add_plugins();
    plugin.set_type("Volume");
    plugin.set_name("fast:latest");
  });
  world_.AddService("web", 1, [](pb::Service& s) {
    auto& container = *s.mutable_spec()->mutable_task()->mutable_container();
    container.add_mounts()->set_type(pb::Mount::BIND);
    auto& mount = *container.add_mounts();
    mount.set_type(pb::Mount::VOLUME);
    mount.mutable_volume_options()->mutable_driver_config()->set_name("fast");
  });
  AddTasks("web", 2);
  EXPECT_EQ(PerNode("web"), (std::map<std::string, int>{{"with", 2}}));
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, ANodeWhereTasksKeepFailingComesLast) {
  Start();
  world_.AddNode("good");
  world_.AddNode("bad");
  world_.AddService("web", 1);
  // So that "bad" is the better choice until it has failed often.
  world_.AddService("load", 1);
  world_.AddTask("ballast", "load", [](Task& task) {
    task.node_id = "good";
    task.status.state = pb::RUNNING;
  });
  for (int round = 0; round < 8; ++round) {
    const std::string id = "r" + std::to_string(round) + "-";
    AddTasks("web", 1, id);
    EXPECT_EQ(world_.GetTask(id + "0")->node_id, round < 5 ? "bad" : "good") << round;
    world_.SetState(id + "0", pb::FAILED);
  }
  // Another version begins anew.
  world_.UpdateService("web", [](pb::ServiceSpec&) {});
  AddTasks("web", 1, "next");
  EXPECT_EQ(world_.GetTask("next0")->node_id, "bad");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, PreassignedTasksAreConfirmed) {
  Start();
  world_.AddNode("n1", [](pb::Node& n) { Offer(n, 1, 100); });
  world_.AddService("global", 0, [](pb::Service& s) {
    s.mutable_spec()->mutable_global();
    Reserve(s, 2, 100);
  });
  AddTasks("global", 1, "g", [](Task& task) {
    task.slot = 0;
    task.node_id = "n1";
  });
  EXPECT_EQ(world_.GetTask("g0")->status.state, pb::PENDING);
  EXPECT_EQ(Error("g0"), "insufficient resources on 1 node");
  world_.EditNode("n1", [](pb::Node& n) { Offer(n, 2, 100); });
  EXPECT_EQ(world_.GetTask("g0")->status.state, pb::ASSIGNED);
  EXPECT_EQ(world_.GetTask("g0")->status.message,
            "scheduler confirmed task can run on preassigned node");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, WhatIsShutDownBeforeItHasANodeIsReportedShutDown) {
  Start();
  world_.AddService("web", 1);
  AddTasks("web", 1);
  world_.EditTask("task0", [](Task& task) { task.desired_state = pb::SHUTDOWN; });
  EXPECT_EQ(world_.GetTask("task0")->status.state, pb::SHUTDOWN);
  EXPECT_EQ(Error("task0"), "");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, TasksNobodyWantsAreLeftAloneAtStart) {
  world_.AddNode("n1");
  world_.AddService("web", 2);
  AddTasks("web", 2, "task",
           [](Task& task) { task.desired_state = task.slot == 1 ? pb::SHUTDOWN : pb::REMOVE; });
  Start();
  for (const TaskPtr& task : world_.Tasks("web")) {
    EXPECT_EQ(task->status.state, pb::PENDING);
    EXPECT_TRUE(task->node_id.empty());
  }
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, ATaskOfARemovedServiceIsForgotten) {
  Start();
  world_.AddService("web", 1);
  AddTasks("web", 1);
  world_.RemoveService("web");
  world_.AddNode("n1", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
  EXPECT_EQ(Error("task0"), "no suitable node") << "not explained again";
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, ANodeThatGoesDownRightAfterItsCreationIsNotUsed) {
  Start();
  world_.DoNotSettle();
  world_.AddNode("n1");
  world_.EditNode("n1", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
  world_.AddService("web", 1);
  AddTasks("web", 1);
  world_.sim().RunFor(10s);
  EXPECT_EQ(world_.GetTask("task0")->status.state, pb::PENDING);
  world_.AddNode("n2");
  world_.sim().RunFor(1s);
  EXPECT_EQ(world_.GetTask("task0")->node_id, "n2");
}

// Pinned by SwarmKit: among equally many of the service, the node with fewer tasks in total.
TEST_F(SchedulerTest, TheTotalBreaksTies) {
  for (const char* id : {"n1", "n2"}) world_.AddNode(id);
  world_.AddService("load", 1);
  world_.AddTask("ballast", "load", [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  world_.AddService("web", 1);
  Start();
  AddTasks("web", 1);
  EXPECT_EQ(world_.GetTask("task0")->node_id, "n2");
}

// Pinned by SwarmKit: tasks that had no choice say nothing about their node.
TEST_F(SchedulerTest, FailuresOfPreassignedTasksAreNotCounted) {
  Start();
  world_.AddNode("good");
  world_.AddNode("bad");
  world_.AddService("load", 1);
  world_.AddTask("ballast", "load", [](Task& task) {
    task.node_id = "good";
    task.status.state = pb::RUNNING;
  });
  world_.AddService("web", 1);
  for (int round = 0; round < 8; ++round) {
    const std::string id = "r" + std::to_string(round) + "-";
    AddTasks("web", 1, id, [](Task& task) {
      task.slot = 0;
      task.node_id = "bad";
    });
    world_.SetState(id + "0", pb::FAILED);
  }
  AddTasks("web", 1);
  EXPECT_EQ(world_.GetTask("task0")->node_id, "bad");
}

TEST_F(SchedulerTest, FailuresAreForgottenAfterFiveMinutes) {
  Start();
  world_.AddNode("good");
  world_.AddNode("bad");
  world_.AddService("load", 1);
  world_.AddTask("ballast", "load", [](Task& task) {
    task.node_id = "good";
    task.status.state = pb::RUNNING;
  });
  world_.AddService("web", 1);
  for (int round = 0; round < 5; ++round) {
    const std::string id = "r" + std::to_string(round) + "-";
    AddTasks("web", 1, id);
    world_.SetState(id + "0", pb::FAILED);
  }
  AddTasks("web", 1, "soon");
  EXPECT_EQ(world_.GetTask("soon0")->node_id, "good");
  world_.SetState("soon0", pb::SHUTDOWN);
  world_.sim().RunFor(5min);
  AddTasks("web", 1, "late");
  EXPECT_EQ(world_.GetTask("late0")->node_id, "bad");
}

// Pinned by SwarmKit: who has no choice goes first.
TEST_F(SchedulerTest, PreassignedTasksGoFirst) {
  world_.AddNode("n1", [](pb::Node& n) { Offer(n, 1, 100); });
  world_.AddService("web", 1, [](pb::Service& s) { Reserve(s, 1, 100); });
  world_.AddService("agent", 0, [](pb::Service& s) {
    s.mutable_spec()->mutable_global();
    Reserve(s, 1, 100);
  });
  AddTasks("web", 1, "a");
  AddTasks("agent", 1, "z", [](Task& task) {
    task.slot = 0;
    task.node_id = "n1";
  });
  Start();
  EXPECT_EQ(world_.GetTask("z0")->status.state, pb::ASSIGNED);
  EXPECT_EQ(Error("a0"), "no suitable node (insufficient resources on 1 node)");
}

// Pinned by SwarmKit.
TEST_F(SchedulerTest, PreassignedTasksNobodyWantsAreLeftAloneAtStart) {
  world_.AddNode("n1");
  world_.AddService("agent", 0, [](pb::Service& s) { s.mutable_spec()->mutable_global(); });
  AddTasks("agent", 2, "g", [](Task& task) {
    task.node_id = "n1";
    task.desired_state = task.slot == 1 ? pb::SHUTDOWN : pb::REMOVE;
    task.slot = 0;
  });
  Start();
  EXPECT_EQ(world_.GetTask("g0")->status.state, pb::PENDING);
  EXPECT_EQ(world_.GetTask("g1")->status.state, pb::PENDING);
}

TEST_F(SchedulerTest, APreassignedTaskThatIsShutDownBeforeItsTimeIsReportedShutDown) {
  world_.AddNode("n1",
                 [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::PAUSE); });
  world_.AddService("agent", 0, [](pb::Service& s) { s.mutable_spec()->mutable_global(); });
  Start();
  AddTasks("agent", 1, "g", [](Task& task) {
    task.slot = 0;
    task.node_id = "n1";
  });
  EXPECT_EQ(Error("g0"), "1 node not available for new tasks");
  world_.EditTask("g0", [](Task& task) { task.desired_state = pb::SHUTDOWN; });
  EXPECT_EQ(world_.GetTask("g0")->status.state, pb::SHUTDOWN);
  world_.EditNode("n1",
                  [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::ACTIVE); });
  EXPECT_EQ(world_.GetTask("g0")->status.state, pb::SHUTDOWN);
}

// Explanations follow what changes, at once as long as few tasks wait.
TEST_F(SchedulerTest, ExplanationsFollowTheNodes) {
  Start();
  world_.AddService("web", 2, [](pb::Service& s) {
    s.mutable_spec()->mutable_task()->mutable_placement()->add_constraints("node.labels.az == 1");
  });
  AddTasks("web", 2);
  EXPECT_EQ(Error("task1"), "no suitable node");
  world_.AddNode("n1");
  EXPECT_EQ(Error("task1"), "no suitable node (scheduling constraints not satisfied on 1 node)");
  world_.AddNode("n2");
  EXPECT_EQ(Error("task1"), "no suitable node (scheduling constraints not satisfied on 2 nodes)");
  world_.EditNode("n2",
                  [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  EXPECT_EQ(Error("task0"),
            "no suitable node (1 node not available for new tasks; scheduling constraints not "
            "satisfied on 1 node)");
  world_.RemoveNode("n1");
  EXPECT_EQ(Error("task1"), "no suitable node (1 node not available for new tasks)");
  world_.RemoveNode("n2");
  EXPECT_EQ(Error("task0"), "no suitable node");
}

TEST_F(SchedulerTest, ExplanationsOfVeryManyTasksFollowLater) {
  Start();
  world_.AddService("web", 500);
  AddTasks("web", 500);
  const auto writes = [&] { return world_.view()->index(); };
  world_.sim().RunFor(1min);
  const auto off = [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); };
  world_.AddNode("n1", off);
  EXPECT_EQ(Error("task499"), "no suitable node (1 node not available for new tasks)");
  const auto before = writes();
  world_.AddNode("n2", off);
  EXPECT_EQ(writes().value(), before.value() + 1) << "just the node";
  EXPECT_EQ(Error("task499"), "no suitable node (1 node not available for new tasks)");
  world_.sim().RunFor(1s);
  EXPECT_EQ(Error("task499"), "no suitable node (2 nodes not available for new tasks)");
}

// What waits needs no other look than at the node that changed.
TEST_F(SchedulerTest, AWaitingGroupGoesOnWhereSomethingBecomesFree) {
  Start();
  for (int i = 0; i < 3; ++i) {
    world_.AddNode("n" + std::to_string(i), [](pb::Node& n) { Offer(n, 2, 1000); });
  }
  world_.AddService("web", 9, [](pb::Service& s) { Reserve(s, 1, 0); });
  AddTasks("web", 9);
  EXPECT_EQ(Counts("web"), (std::vector<int>{2, 2, 2}));
  world_.EditNode("n1", [](pb::Node& n) { Offer(n, 4, 1000); });
  EXPECT_EQ(PerNode("web").at("n1"), 4);
  for (const TaskPtr& task : world_.Tasks("web")) {
    if (task->node_id == "n0") world_.SetState(task->id, pb::COMPLETE);
  }
  // One more waited; two are free.
  for (const TaskPtr& task : world_.Tasks("web")) EXPECT_FALSE(task->node_id.empty()) << task->id;
  AddTasks("web", 2, "more");
  EXPECT_EQ(world_.GetTask("more0")->node_id, "n0");
  EXPECT_EQ(Error("more1"), "no suitable node (insufficient resources on 3 nodes)");
}

TEST_F(SchedulerTest, ANodeThatChangesBeforeTheDecisionIsWrittenIsJudgedAgain) {
  Start();
  world_.AddNode("n1", [](pb::Node& n) { Label(n, "az", "1"); });
  world_.AddNode("n2", [](pb::Node& n) { Label(n, "az", "2"); });
  world_.AddService("web", 1, [](pb::Service& s) {
    s.mutable_spec()->mutable_task()->mutable_placement()->add_constraints("node.labels.az == 1");
  });
  // Both land before the scheduler hears of either.
  world_.Write([](Transaction& tx) {
    auto task = std::make_shared<Task>();
    task->id = "task0";
    task->service_id = "web";
    task->slot = 1;
    const auto service = tx.Get<pb::Service>("web");
    task->spec = std::make_shared<const pb::TaskSpec>(service->spec().task());
    task->service_annotations = std::make_shared<const pb::Annotations>();
    task->desired_state = pb::RUNNING;
    task->status.state = pb::PENDING;
    SWARM_RETURN_IF_ERROR(tx.CreateTask(std::move(task)));
    for (const auto& [id, az] : {std::pair{"n1", "2"}, std::pair{"n2", "1"}}) {
      auto node = std::make_shared<pb::Node>(*tx.Get<pb::Node>(id));
      Label(*node, "az", az);
      SWARM_RETURN_IF_ERROR(tx.Update(std::move(node)));
    }
    return Status::Ok();
  });
  EXPECT_EQ(world_.GetTask("task0")->node_id, "n2");
}

TEST_F(SchedulerTest, NamedGenericResourcesAreGivenOnce) {
  Start();
  world_.AddNode("n1", [](pb::Node& n) {
    for (const char* name : {"gpu-a", "gpu-b"}) {
      auto& named = *n.mutable_description()
                         ->mutable_resources()
                         ->add_generic()
                         ->mutable_named_resource_spec();
      named.set_kind("gpu");
      named.set_value(name);
    }
  });
  world_.AddService("ml", 3, [](pb::Service& s) {
    auto& wanted = *s.mutable_spec()
                        ->mutable_task()
                        ->mutable_resources()
                        ->mutable_reservations()
                        ->add_generic()
                        ->mutable_discrete_resource_spec();
    wanted.set_kind("gpu");
    wanted.set_value(1);
  });
  AddTasks("ml", 3);
  std::set<std::string> given;
  int waiting = 0;
  for (const TaskPtr& task : world_.Tasks("ml")) {
    if (task->node_id.empty()) {
      ++waiting;
      continue;
    }
    given.insert(task->extras->assigned_generic_resources.at(0).named_resource_spec().value());
  }
  EXPECT_EQ(given, (std::set<std::string>{"gpu-a", "gpu-b"}));
  EXPECT_EQ(waiting, 1);
}

TEST_F(SchedulerTest, TheSameSeedPlacesAlike) {
  const auto place = [](std::uint64_t seed) {
    World world(seed);
    for (int i = 0; i < 10; ++i) world.AddNode("n" + std::to_string(i));
    world.AddService("web", 1);
    world.Start(
        {"scheduler", {Table::kNode, Table::kService, Table::kTask}},
        [](component::Env& env) { return std::make_unique<Scheduler>(env, SchedulerOptions{}); });
    std::string out;
    for (int i = 0; i < 5; ++i) {
      world.AddTask("t" + std::to_string(i), "web",
                    [](Task& task) { task.status.state = pb::PENDING; });
      out += world.GetTask("t" + std::to_string(i))->node_id;
    }
    return out;
  };
  EXPECT_EQ(place(1), place(1));
  EXPECT_NE(place(1), place(2));
}

}  // namespace
}  // namespace swarm::scheduler
