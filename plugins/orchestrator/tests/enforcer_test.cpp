#include "enforcer.h"

#include <gtest/gtest.h>

#include "orchestrator_world.h"

namespace swarm::orchestrator {
namespace {

using namespace std::chrono_literals;

class EnforcerTest : public testing::Test {
 protected:
  void AddNode(std::function<void(pb::Node&)> edit = {}) {
    world_.AddNode("n1", [&](pb::Node& node) {
      node.set_role(pb::WORKER);
      auto& resources = *node.mutable_description()->mutable_resources();
      resources.set_nano_cpus(8'000'000'000);
      resources.set_memory_bytes(8'000'000'000);
      if (edit) edit(node);
    });
  }
  // A task on n1 without a service.
  void AddTask(const std::string& id, pb::TaskState desired, pb::TaskState state,
               std::function<void(pb::TaskSpec&)> edit = {}) {
    world_.AddTask(id, "", [&](Task& task) {
      task.node_id = "n1";
      task.desired_state = desired;
      task.status.state = state;
      pb::TaskSpec spec = *task.spec;
      if (edit) edit(spec);
      task.spec = std::make_shared<const pb::TaskSpec>(spec);
    });
  }
  static std::function<void(pb::TaskSpec&)> Constrained(const char* expression) {
    return [=](pb::TaskSpec& spec) { spec.mutable_placement()->add_constraints(expression); };
  }
  static std::function<void(pb::TaskSpec&)> Memory(std::int64_t bytes) {
    return [=](pb::TaskSpec& spec) {
      spec.mutable_resources()->mutable_reservations()->set_memory_bytes(bytes);
    };
  }
  void SetMemory(std::int64_t bytes) {
    world_.EditNode("n1", [=](pb::Node& node) {
      node.mutable_description()->mutable_resources()->set_memory_bytes(bytes);
    });
  }
  pb::TaskState State(const std::string& id) { return world_.GetTask(id)->status.state; }

  World world_;
};

// Pinned by SwarmKit: what does not fit is rejected at once, a change of role and of memory rejects
// more, and what is wanted NEW or asks for nothing is never touched.
TEST_F(EnforcerTest, RoleAndMemoryOfTheNodeAreEnforced) {
  AddNode();
  AddTask("wanted-new", pb::NEW, pb::NEW, Constrained("node.role == manager"));
  AddTask("for-managers", pb::RUNNING, pb::NEW, Constrained("node.role == manager"));
  AddTask("for-workers", pb::RUNNING, pb::NEW, Constrained("node.role == worker"));
  AddTask("anywhere", pb::RUNNING, pb::NEW);
  AddTask("large", pb::RUNNING, pb::PENDING, Memory(7'000'000'000));
  AddTask("job", pb::COMPLETE, pb::RUNNING, Constrained("node.role == worker"));
  StartOrchestrator(world_);
  EXPECT_EQ(State("for-managers"), pb::REJECTED);
  const TaskPtr rejected = world_.GetTask("for-managers");
  EXPECT_EQ(rejected->status.message, "task rejected by constraint enforcer");
  EXPECT_EQ(rejected->status.err, "assigned node no longer meets constraints");
  EXPECT_TRUE(rejected->status.timestamp.present);
  EXPECT_EQ(rejected->desired_state, pb::RUNNING);
  EXPECT_EQ(State("for-workers"), pb::NEW);

  world_.EditNode("n1", [](pb::Node& node) { node.set_role(pb::MANAGER); });
  EXPECT_EQ(State("for-workers"), pb::REJECTED);
  EXPECT_EQ(State("job"), pb::REJECTED) << "what is wanted COMPLETE is judged alike";
  EXPECT_EQ(State("large"), pb::PENDING);

  SetMemory(5'000'000'000);
  EXPECT_EQ(State("large"), pb::REJECTED);
  EXPECT_EQ(State("wanted-new"), pb::NEW);
  EXPECT_EQ(State("anywhere"), pb::NEW);
}

// Pinned by SwarmKit.
TEST_F(EnforcerTest, TheServicesConstraintsCountNotTheTasksOldOnes) {
  AddNode([](pb::Node& node) {
    (*node.mutable_spec()->mutable_annotations()->mutable_labels())["zone"] = "a";
  });
  world_.AddService("web", 1, [](pb::Service& service) {
    service.mutable_spec()->mutable_task()->mutable_placement()->add_constraints(
        "node.labels.zone == a");
  });
  StartOrchestrator(world_);
  const std::string id = world_.Tasks("web").at(0)->id;
  world_.EditTask(id, [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  // The node still fits, so the task stays as it is, with its old specification.
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_task()->mutable_placement()->set_constraints(0, "node.labels.zone != b");
  });
  world_.sim().RunFor(10s);
  ASSERT_EQ(world_.GetTask(id)->desired_state, pb::RUNNING);
  const auto set_zone = [&](const char* zone) {
    world_.EditNode("n1", [=](pb::Node& node) {
      (*node.mutable_spec()->mutable_annotations()->mutable_labels())["zone"] = zone;
    });
  };
  set_zone("c");
  EXPECT_EQ(State(id), pb::RUNNING) << "the old constraint is not asked for any more";
  set_zone("b");
  EXPECT_EQ(State(id), pb::REJECTED);
  EXPECT_EQ(world_.GetTask(id)->desired_state, pb::SHUTDOWN);
  ASSERT_EQ(world_.Wanted("web").size(), 1u) << "the restart policy replaces it";
  EXPECT_TRUE(world_.Wanted("web")[0]->node_id.empty());
}

// Start-first, and the update is over: its new task failed and waits for a node.
TEST_F(EnforcerTest, WhatServesUntilItsSuccessorRunsIsJudgedByItsOwnConstraints) {
  AddNode();
  world_.AddService("web", 1, [](pb::Service& service) {
    service.mutable_spec()->mutable_task()->mutable_placement()->add_constraints("node.id == n2");
    service.mutable_spec()->mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
    service.mutable_spec_version()->set_index(7);
    service.mutable_update_status()->set_state(pb::UpdateStatus::COMPLETED);
  });
  for (const std::uint64_t version : {6, 7}) {
    world_.AddTask("v" + std::to_string(version), "web", [=](Task& task) {
      task.slot = 1;
      task.node_id = version == 6 ? "n1" : "";
      task.spec_version = version;
      task.has_spec_version = true;
      task.status.state = version == 6 ? pb::RUNNING : pb::PENDING;
      pb::TaskSpec spec = *task.spec;
      spec.mutable_placement()->set_constraints(
          0, version == 6 ? "node.role == worker" : "node.id == n2");
      task.spec = std::make_shared<const pb::TaskSpec>(spec);
    });
  }
  StartOrchestrator(world_);
  EXPECT_EQ(State("v6"), pb::RUNNING);
  world_.EditNode("n1", [](pb::Node& node) { node.set_role(pb::MANAGER); });
  EXPECT_EQ(State("v6"), pb::REJECTED);
}

TEST_F(EnforcerTest, AnUpdateUnderWayReplacesTasksAtItsOwnPace) {
  AddNode();
  world_.AddService("web", 1, [](pb::Service& service) {
    service.mutable_spec()->mutable_task()->mutable_placement()->add_constraints("node.id == n2");
    service.mutable_spec_version()->set_index(7);
    service.mutable_update_status()->set_state(pb::UpdateStatus::PAUSED);
  });
  world_.AddTask("old", "web", [](Task& task) {
    task.slot = 1;
    task.node_id = "n1";
    task.spec_version = 6;
    task.status.state = pb::RUNNING;
    pb::TaskSpec spec = *task.spec;
    spec.mutable_placement()->set_constraints(0, "node.role == worker");
    task.spec = std::make_shared<const pb::TaskSpec>(spec);
  });
  StartOrchestrator(world_);
  EXPECT_EQ(State("old"), pb::RUNNING);
  world_.EditNode("n1", [](pb::Node& node) { node.set_role(pb::MANAGER); });
  EXPECT_EQ(State("old"), pb::REJECTED) << "not what it was made for either";
}

// Pinned by SwarmKit.
TEST_F(EnforcerTest, WhatHasEndedTakesNoResources) {
  AddNode();
  AddTask("a-completed", pb::COMPLETE, pb::COMPLETE, Memory(7'000'000'000));
  AddTask("b-stopping", pb::SHUTDOWN, pb::RUNNING, Memory(7'000'000'000));
  AddTask("c-runs", pb::RUNNING, pb::RUNNING, Memory(6'000'000'000));
  StartOrchestrator(world_);
  SetMemory(7'000'000'000);
  EXPECT_EQ(State("a-completed"), pb::COMPLETE);
  EXPECT_EQ(State("b-stopping"), pb::RUNNING);
  EXPECT_EQ(State("c-runs"), pb::RUNNING);
}

TEST_F(EnforcerTest, ResourcesGoToTasksInOrderUntilTheyAreUsedUp) {
  AddNode();
  for (const char* id : {"t1", "t2", "t3"}) {
    AddTask(id, pb::RUNNING, pb::RUNNING, [](pb::TaskSpec& spec) {
      spec.mutable_resources()->mutable_reservations()->set_nano_cpus(2'000'000'000);
    });
  }
  StartOrchestrator(world_);
  world_.EditNode("n1", [](pb::Node& node) {
    node.mutable_description()->mutable_resources()->set_nano_cpus(4'000'000'000);
  });
  EXPECT_EQ(State("t1"), pb::RUNNING);
  EXPECT_EQ(State("t2"), pb::RUNNING);
  EXPECT_EQ(State("t3"), pb::REJECTED);
}

TEST_F(EnforcerTest, WhatWaitsForTheSchedulerTakesNothingFromWhatRuns) {
  AddNode();
  AddTask("a-waits", pb::RUNNING, pb::PENDING, Memory(5'000'000'000));
  AddTask("b-runs", pb::RUNNING, pb::RUNNING, Memory(6'000'000'000));
  StartOrchestrator(world_);
  SetMemory(7'000'000'000);
  EXPECT_EQ(State("a-waits"), pb::PENDING);
  EXPECT_EQ(State("b-runs"), pb::RUNNING);
}

class EnforcerGenericTest : public EnforcerTest {
 protected:
  void Offer(pb::Node& node, std::vector<std::string> names, std::int64_t count) {
    auto& generic = *node.mutable_description()->mutable_resources()->mutable_generic();
    generic.Clear();
    for (const std::string& name : names) {
      auto& spec = *generic.Add()->mutable_named_resource_spec();
      spec.set_kind("gpu");
      spec.set_value(name);
    }
    if (count == 0) return;
    auto& spec = *generic.Add()->mutable_discrete_resource_spec();
    spec.set_kind("ssd");
    spec.set_value(count);
  }
  void Offer(std::vector<std::string> names, std::int64_t count) {
    world_.EditNode("n1", [&](pb::Node& node) { Offer(node, names, count); });
  }
  void AddTaskWith(const std::string& id, const pb::GenericResource& assigned) {
    world_.AddTask(id, "", [&](Task& task) {
      task.node_id = "n1";
      task.status.state = pb::RUNNING;
      pb::TaskSpec spec = *task.spec;
      spec.mutable_resources()->mutable_reservations();
      task.spec = std::make_shared<const pb::TaskSpec>(spec);
      auto extras = std::make_shared<TaskExtras>();
      extras->assigned_generic_resources.push_back(assigned);
      task.extras = extras;
    });
  }
  static pb::GenericResource Gpu(const std::string& name) {
    pb::GenericResource out;
    out.mutable_named_resource_spec()->set_kind("gpu");
    out.mutable_named_resource_spec()->set_value(name);
    return out;
  }
  static pb::GenericResource Ssds(std::int64_t count) {
    pb::GenericResource out;
    out.mutable_discrete_resource_spec()->set_kind("ssd");
    out.mutable_discrete_resource_spec()->set_value(count);
    return out;
  }
};

// Pinned by SwarmKit.
TEST_F(EnforcerGenericTest, AResourceThatIsGoneOrHasShrunkRejectsItsTasks) {
  AddNode([this](pb::Node& node) { Offer(node, {"uuid1", "uuid2"}, 3); });
  AddTaskWith("first", Gpu("uuid1"));
  AddTaskWith("second", Gpu("uuid2"));
  AddTaskWith("third", Ssds(3));
  StartOrchestrator(world_);
  Offer({"uuid3", "uuid1", "uuid2"}, 4);
  for (const char* id : {"first", "second", "third"}) EXPECT_EQ(State(id), pb::RUNNING) << id;
  Offer({"uuid1"}, 4);
  EXPECT_EQ(State("first"), pb::RUNNING);
  EXPECT_EQ(State("second"), pb::REJECTED);
  EXPECT_EQ(State("third"), pb::RUNNING);
  Offer({"uuid1"}, 2);
  EXPECT_EQ(State("first"), pb::RUNNING);
  EXPECT_EQ(State("third"), pb::REJECTED);
}

TEST_F(EnforcerGenericTest, AKindThatIsNamedNowGivesNoNumbers) {
  AddNode([this](pb::Node& node) { Offer(node, {}, 3); });
  AddTaskWith("counted", Ssds(1));
  StartOrchestrator(world_);
  world_.EditNode("n1", [](pb::Node& node) {
    auto& generic = *node.mutable_description()->mutable_resources()->mutable_generic();
    generic.Clear();
    generic.Add()->mutable_named_resource_spec()->set_kind("ssd");
    generic.Mutable(0)->mutable_named_resource_spec()->set_value("nvme0");
  });
  EXPECT_EQ(State("counted"), pb::REJECTED);
}

TEST_F(EnforcerTest, OnlyActiveNodesAreJudged) {
  AddNode([](pb::Node& node) { node.mutable_spec()->set_availability(pb::NodeSpec::PAUSE); });
  AddTask("t1", pb::RUNNING, pb::RUNNING, Constrained("node.role == manager"));
  StartOrchestrator(world_);
  EXPECT_EQ(State("t1"), pb::RUNNING);
  world_.EditNode(
      "n1", [](pb::Node& node) { node.mutable_spec()->set_availability(pb::NodeSpec::ACTIVE); });
  EXPECT_EQ(State("t1"), pb::REJECTED);
}

TEST_F(EnforcerTest, AGlobalTaskWhoseNodeDoesNotMatchAnyMoreIsNotReplaced) {
  AddNode([](pb::Node& node) {
    (*node.mutable_spec()->mutable_annotations()->mutable_labels())["disk"] = "ssd";
  });
  StartOrchestrator(world_);
  world_.AddService("agent", 0, [](pb::Service& service) {
    service.mutable_spec()->mutable_global();
    service.mutable_spec()->mutable_task()->mutable_placement()->add_constraints(
        "node.labels.disk == ssd");
  });
  world_.SetState(world_.Wanted("agent").at(0)->id, pb::RUNNING);
  world_.EditNode("n1", [](pb::Node& node) {
    node.mutable_spec()->mutable_annotations()->mutable_labels()->clear();
  });
  EXPECT_TRUE(world_.Wanted("agent").empty());
  EXPECT_EQ(world_.Tasks("agent").at(0)->status.state, pb::REJECTED);
  world_.sim().RunFor(10s);
  EXPECT_TRUE(world_.Wanted("agent").empty());
  world_.EditNode("n1", [](pb::Node& node) {
    (*node.mutable_spec()->mutable_annotations()->mutable_labels())["disk"] = "ssd";
  });
  EXPECT_EQ(world_.Wanted("agent").size(), 1u) << "it matches again";
}

}  // namespace
}  // namespace swarm::orchestrator
