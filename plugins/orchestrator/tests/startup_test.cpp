// What a new leader makes of the tasks it finds.
#include <gtest/gtest.h>

#include "orchestrator_world.h"

namespace swarm::orchestrator {
namespace {

using namespace std::chrono_literals;

class StartupTest : public testing::TestWithParam<bool> {
 protected:
  bool global() const { return GetParam(); }
  void AddService(std::function<void(pb::RestartPolicy&)> edit) {
    world_.AddNode("n1");
    world_.AddService("web", 1, [&](pb::Service& service) {
      if (global()) service.mutable_spec()->mutable_global();
      service.mutable_spec_version()->set_index(10);
      pb::RestartPolicy& policy = PolicyOf(service);
      policy.set_condition(pb::RestartPolicy::ANY);
      policy.mutable_delay()->set_nanos(100'000'000);
      edit(policy);
    });
  }
  void AddTask(const std::string& id, std::uint64_t version, pb::TaskState state) {
    world_.AddTask(id, "web", [&](Task& task) {
      if (global()) {
        task.node_id = "n1";
      } else {
        task.slot = 1;
      }
      task.spec_version = version;
      task.status.state = state;
      if (IsTerminal(state)) task.desired_state = pb::SHUTDOWN;
    });
  }
  // The only wanted task reaches RUNNING and fails.
  void Fail() {
    ASSERT_TRUE(world_.Until([&] {
      const auto wanted = world_.Wanted("web");
      return wanted.size() == 1 && wanted[0]->desired_state == pb::RUNNING;
    }));
    const std::string id = world_.Wanted("web")[0]->id;
    world_.SetState(id, pb::RUNNING);
    world_.sim().RunFor(1s);
    world_.SetState(id, pb::FAILED);
    world_.sim().RunFor(5s);
  }
  bool Replaced() { return world_.Wanted("web").size() == 1; }

  World world_;
};

INSTANTIATE_TEST_SUITE_P(Modes, StartupTest, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "Global" : "Replicated"; });

// Pinned by SwarmKit: old versions and what lies before the window do not count, the third restart
// inside it is allowed and the fourth is not.
TEST_P(StartupTest, RestartsBeforeTheStartCount) {
  AddService([](pb::RestartPolicy& policy) {
    policy.set_max_attempts(3);
    policy.mutable_window()->set_seconds(300);
  });
  for (const char* id : {"old1", "old2", "old3", "old4"}) AddTask(id, 9, pb::FAILED);
  AddTask("first", 10, pb::FAILED);
  world_.sim().RunFor(1s);
  AddTask("early", 10, pb::FAILED);
  world_.sim().RunFor(10min);
  AddTask("second", 10, pb::FAILED);
  world_.sim().RunFor(1s);
  AddTask("third", 10, pb::NEW);
  StartOrchestrator(world_);
  Fail();
  ASSERT_TRUE(Replaced()) << "two restarts inside the window leave one more";
  Fail();
  EXPECT_FALSE(Replaced());
}

// After a rollback the version that counts is not the highest one.
TEST_P(StartupTest, RestartsAfterARollbackCount) {
  AddService([](pb::RestartPolicy& policy) { policy.set_max_attempts(1); });
  AddTask("rolled-back", 11, pb::FAILED);
  world_.sim().RunFor(1s);
  AddTask("first", 10, pb::FAILED);
  world_.sim().RunFor(1s);
  AddTask("second", 10, pb::NEW);
  StartOrchestrator(world_);
  Fail();
  EXPECT_FALSE(Replaced());
}

// Pinned by SwarmKit: a task held back for its delay is started after the rest of it, or at once.
TEST_P(StartupTest, HeldTasksAreStartedAfterTheRestOfTheirDelay) {
  AddService([](pb::RestartPolicy& policy) { policy.mutable_delay()->set_seconds(10); });
  AddTask("held", 10, pb::NEW);
  world_.EditTask("held", [](Task& task) { task.desired_state = pb::READY; });
  world_.SetState("held", pb::READY);
  world_.sim().RunFor(6s);
  StartOrchestrator(world_);
  world_.sim().RunFor(3s);
  EXPECT_EQ(world_.GetTask("held")->desired_state, pb::READY);
  world_.sim().RunFor(2s);
  EXPECT_EQ(world_.GetTask("held")->desired_state, pb::RUNNING);
}

TEST_P(StartupTest, AHeldTaskWhoseDelayIsOverStartsAtOnce) {
  AddService([](pb::RestartPolicy&) {});
  AddTask("held", 10, pb::NEW);
  world_.EditTask("held", [](Task& task) { task.desired_state = pb::READY; });
  world_.SetState("held", pb::READY);
  world_.sim().RunFor(1min);
  StartOrchestrator(world_);
  EXPECT_EQ(world_.GetTask("held")->desired_state, pb::RUNNING);
}

// A leader that changes in the middle of a replacement must not let both run.
TEST_P(StartupTest, AHeldTaskStillWaitsForTheOneItReplaces) {
  AddService([](pb::RestartPolicy&) {});
  AddTask("old", 10, pb::RUNNING);
  world_.EditTask("old", [](Task& task) {
    task.node_id = "n1";
    task.desired_state = pb::SHUTDOWN;
  });
  AddTask("next", 10, pb::NEW);
  world_.EditTask("next", [](Task& task) { task.desired_state = pb::READY; });
  StartOrchestrator(world_);
  world_.sim().RunFor(30s);
  EXPECT_EQ(world_.GetTask("next")->desired_state, pb::READY);
  world_.SetState("old", pb::SHUTDOWN);
  EXPECT_EQ(world_.GetTask("next")->desired_state, pb::RUNNING);
}

// Pinned by SwarmKit.
TEST_P(StartupTest, WhatFailedOrWasRejectedMeanwhileIsReplaced) {
  for (const pb::TaskState state : {pb::FAILED, pb::REJECTED}) {
    SCOPED_TRACE(pb::TaskState_Name(state));
    World world;
    world.AddNode("n1");
    world.AddService("web", 1, [this](pb::Service& service) {
      if (global()) service.mutable_spec()->mutable_global();
    });
    world.AddTask("ended", "web", [&](Task& task) {
      task.slot = global() ? 0 : 1;
      task.node_id = "n1";
      task.status.state = state;
    });
    StartOrchestrator(world);
    EXPECT_EQ(world.GetTask("ended")->desired_state, pb::SHUTDOWN);
    ASSERT_EQ(world.Wanted("web").size(), 1u);
    EXPECT_EQ(world.Wanted("web")[0]->desired_state, pb::READY);
    world.sim().RunFor(6s);
    EXPECT_EQ(world.Wanted("web")[0]->desired_state, pb::RUNNING);
  }
}

// Pinned by SwarmKit.
TEST_P(StartupTest, OfTwoTasksInOnePlaceOneStays) {
  AddService([](pb::RestartPolicy&) {});
  AddTask("a", 10, pb::RUNNING);
  AddTask("b", 10, pb::RUNNING);
  StartOrchestrator(world_);
  world_.sim().RunFor(10s);
  EXPECT_EQ(world_.Wanted("web").size(), 1u);
}

// Pinned by SwarmKit: each service is repaired, and tasks of unknown ones go.
TEST_P(StartupTest, SeveralServicesAreRepaired) {
  world_.AddNode("n1");
  for (const char* id : {"one", "two"}) {
    world_.AddService(id, 2, [this](pb::Service& service) {
      if (global()) service.mutable_spec()->mutable_global();
    });
  }
  world_.AddTask("kept", "one", [this](Task& task) {
    task.slot = global() ? 0 : 2;
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  world_.AddTask("unknown", "three", [](Task& task) { task.slot = 1; });
  StartOrchestrator(world_);
  EXPECT_EQ(world_.GetTask("kept")->desired_state, pb::RUNNING);
  for (const char* id : {"one", "two"}) {
    EXPECT_EQ(world_.Wanted(id).size(), global() ? 1u : 2u) << id;
  }
  EXPECT_EQ(world_.GetTask("unknown"), nullptr);
}

TEST_P(StartupTest, ANewLeaderInTheMiddleOfARestartMakesNoSecondReplacement) {
  AddService([](pb::RestartPolicy& policy) { policy.mutable_delay()->set_seconds(20); });
  StartOrchestrator(world_);
  world_.SetState(world_.Wanted("web").at(0)->id, pb::FAILED);
  for (int i = 0; i < 3; ++i) {
    world_.sim().RunFor(2s);
    world_.Stop();
    StartOrchestrator(world_);
  }
  world_.sim().RunFor(1min);
  EXPECT_EQ(world_.Tasks("web").size(), 2u);
  EXPECT_EQ(world_.Wanted("web").at(0)->desired_state, pb::RUNNING);
}

// The task that was replaced may be the last that reported something, but what counts is the one
// that replaced it, and that is as it should be.
TEST(StartupOfEndedTest, AnOldTasksLateEndMakesNoNewOne) {
  World world;
  world.AddNode("n1");
  world.AddService("web", 1, [](pb::Service& service) {
    PolicyOf(service).set_condition(pb::RestartPolicy::NONE);
    service.mutable_spec_version()->set_index(20);
  });
  const auto add = [&world](const char* id, std::uint64_t version, const char* image) {
    world.AddTask(id, "web", [=](Task& task) {
      pb::TaskSpec spec = *task.spec;
      spec.mutable_container()->set_image(image);
      spec.mutable_restart()->set_condition(pb::RestartPolicy::NONE);
      task.spec = std::make_shared<const pb::TaskSpec>(std::move(spec));
      task.slot = 1;
      task.node_id = "n1";
      task.spec_version = version;
      task.has_spec_version = true;
      task.desired_state = pb::SHUTDOWN;
    });
    world.sim().RunFor(std::chrono::seconds(1));
  };
  add("a-old", 10, "old");
  add("b-new", 20, "image");
  world.SetState("b-new", pb::COMPLETE);
  world.sim().RunFor(std::chrono::seconds(1));
  world.SetState("a-old", pb::SHUTDOWN);
  StartOrchestrator(world);
  world.sim().RunFor(std::chrono::seconds(10));
  EXPECT_TRUE(world.Wanted("web").empty());
}

}  // namespace
}  // namespace swarm::orchestrator
