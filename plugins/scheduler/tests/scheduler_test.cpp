#include "scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "component_testing/world.h"

namespace swarm::scheduler {
namespace {

using namespace std::chrono_literals;
using component::testing::World;

class SchedulerTest : public testing::Test {
 protected:
  void Start() {
    world_.Start({"scheduler", {Table::kNode, Table::kTask}}, [](component::Env& env) {
      return std::make_unique<Scheduler>(env, SchedulerOptions{});
    });
  }
  // Allocated tasks of the service, in one transaction.
  void AddTasks(const std::string& service, int count, const std::string& prefix = "task",
                std::function<void(Task&)> edit = {}) {
    world_.Write([&](Transaction& tx) {
      const auto stored = tx.Get<pb::Service>(service);
      const auto spec = std::make_shared<const pb::TaskSpec>(stored->spec().task());
      const auto annotations =
          std::make_shared<const pb::Annotations>(stored->spec().annotations());
      for (int i = 0; i < count; ++i) {
        auto task = std::make_shared<Task>();
        task->id = prefix + std::to_string(i);
        task->service_id = service;
        task->slot = static_cast<std::uint64_t>(i) + 1;
        task->spec = spec;
        task->service_annotations = annotations;
        task->has_spec_version = stored->has_spec_version();
        task->spec_version = stored->spec_version().index();
        task->desired_state = pb::RUNNING;
        task->status.state = pb::PENDING;
        task->status.message = "pending task scheduling";
        if (edit) edit(*task);
        SWARM_RETURN_IF_ERROR(tx.CreateTask(std::move(task)));
      }
      return Status::Ok();
    });
  }
  std::map<std::string, int> PerNode(const std::string& service) {
    std::map<std::string, int> out;
    for (const TaskPtr& task : world_.Tasks(service)) {
      if (!task->node_id.empty()) ++out[task->node_id];
    }
    return out;
  }
  std::vector<int> Counts(const std::string& service) {
    std::vector<int> out;
    for (const auto& [node, count] : PerNode(service)) out.push_back(count);
    std::sort(out.rbegin(), out.rend());
    return out;
  }
  std::string Error(const std::string& task) { return world_.GetTask(task)->status.err; }
  static void Reserve(pb::Service& service, std::int64_t cpus, std::int64_t memory) {
    auto& wanted =
        *service.mutable_spec()->mutable_task()->mutable_resources()->mutable_reservations();
    wanted.set_nano_cpus(cpus * 1'000'000'000);
    wanted.set_memory_bytes(memory);
  }
  static void Offer(pb::Node& node, std::int64_t cpus, std::int64_t memory) {
    auto& resources = *node.mutable_description()->mutable_resources();
    resources.set_nano_cpus(cpus * 1'000'000'000);
    resources.set_memory_bytes(memory);
  }

  World world_;
};

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

TEST_F(SchedulerTest, WithoutNodesItSaysSo) {
  Start();
  world_.AddService("web", 1);
  AddTasks("web", 1);
  EXPECT_EQ(Error("task0"), "no suitable node");
}

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

TEST_F(SchedulerTest, PreferencesShareEvenlyOverLabels) {
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

TEST_F(SchedulerTest, AFullBranchLeavesTheRestToOthers) {
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

TEST_F(SchedulerTest, WhatIsShutDownBeforeItHasANodeIsReportedShutDown) {
  Start();
  world_.AddService("web", 1);
  AddTasks("web", 1);
  world_.EditTask("task0", [](Task& task) { task.desired_state = pb::SHUTDOWN; });
  EXPECT_EQ(world_.GetTask("task0")->status.state, pb::SHUTDOWN);
  EXPECT_EQ(Error("task0"), "");
}

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

TEST_F(SchedulerTest, ATaskOfARemovedServiceIsForgotten) {
  Start();
  world_.AddService("web", 1);
  AddTasks("web", 1);
  world_.RemoveService("web");
  world_.AddNode("n1", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
  EXPECT_EQ(Error("task0"), "no suitable node") << "not explained again";
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
    world.Start({"scheduler", {Table::kNode, Table::kTask}}, [](component::Env& env) {
      return std::make_unique<Scheduler>(env, SchedulerOptions{});
    });
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
