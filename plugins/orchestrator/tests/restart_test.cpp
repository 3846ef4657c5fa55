#include <gtest/gtest.h>

#include "orchestrator_world.h"

namespace swarm::orchestrator {
namespace {

using namespace std::chrono_literals;

// A service of one task, which runs.
class RestartTest : public testing::Test {
 protected:
  void Make(std::function<void(pb::RestartPolicy&)> edit, std::uint64_t replicas = 1) {
    orchestrator_ = StartOrchestrator(world_);
    world_.AddService("web", replicas, [&](pb::Service& service) {
      pb::RestartPolicy& policy = PolicyOf(service);
      policy.set_condition(pb::RestartPolicy::ANY);
      policy.mutable_delay()->set_nanos(100'000'000);
      edit(policy);
    });
  }
  TaskPtr Only() {
    const auto wanted = world_.Wanted("web");
    return wanted.size() == 1 ? wanted[0] : nullptr;
  }
  // The task reaches RUNNING, then ends.
  void End(pb::TaskState state) {
    const TaskPtr task = Only();
    ASSERT_NE(task, nullptr);
    ASSERT_TRUE(world_.Until([&] { return Only()->desired_state == pb::RUNNING; }));
    world_.SetState(task->id, pb::RUNNING);
    world_.SetState(task->id, state);
  }
  bool Replaced() { return world_.Wanted("web").size() == 1; }

  World world_;
  Orchestrator* orchestrator_ = nullptr;
};

// Pinned by SwarmKit.
TEST_F(RestartTest, AnyRestartsAfterFailureAndAfterCompletion) {
  Make([](pb::RestartPolicy&) {});
  for (const pb::TaskState end : {pb::FAILED, pb::COMPLETE}) {
    const std::string old = Only()->id;
    End(end);
    EXPECT_EQ(world_.GetTask(old)->desired_state, pb::SHUTDOWN);
    ASSERT_TRUE(Replaced());
    EXPECT_EQ(Only()->desired_state, pb::READY);
    EXPECT_EQ(Only()->slot, 1u);
    EXPECT_TRUE(world_.Until([&] { return Only()->desired_state == pb::RUNNING; }));
  }
}

// Pinned by SwarmKit.
TEST_F(RestartTest, OnFailureLeavesCompletedTasks) {
  Make([](pb::RestartPolicy& p) { p.set_condition(pb::RestartPolicy::ON_FAILURE); });
  End(pb::FAILED);
  ASSERT_TRUE(Replaced());
  End(pb::COMPLETE);
  world_.sim().RunFor(10s);
  EXPECT_FALSE(Replaced());
}

// Pinned by SwarmKit.
TEST_F(RestartTest, NoneRestartsNothing) {
  Make([](pb::RestartPolicy& p) { p.set_condition(pb::RestartPolicy::NONE); });
  End(pb::FAILED);
  world_.sim().RunFor(10s);
  EXPECT_FALSE(Replaced());
  EXPECT_EQ(world_.Tasks("web").size(), 1u);
}

TEST_F(RestartTest, WithoutAPolicyEverythingIsRestartedAfterFiveSeconds) {
  orchestrator_ = StartOrchestrator(world_);
  world_.AddService("web", 1);
  End(pb::COMPLETE);
  ASSERT_TRUE(Replaced());
  world_.sim().RunFor(4900ms);
  EXPECT_EQ(Only()->desired_state, pb::READY);
  world_.sim().RunFor(200ms);
  EXPECT_EQ(Only()->desired_state, pb::RUNNING);
}

// Pinned by SwarmKit.
TEST_F(RestartTest, ASlotThatIsNotRestartedIsFilledAgainWhenTheSpecChanges) {
  Make([](pb::RestartPolicy& p) { p.set_condition(pb::RestartPolicy::NONE); });
  End(pb::COMPLETE);
  world_.UpdateService("web", [](pb::ServiceSpec&) {});
  world_.sim().RunFor(10s);
  EXPECT_FALSE(Replaced());
  world_.UpdateService("web",
                       [](pb::ServiceSpec& spec) { spec.mutable_task()->set_force_update(1); });
  EXPECT_TRUE(world_.Until([&] { return Replaced(); }));
}

// Pinned by SwarmKit.
TEST_F(RestartTest, TheDelayIsKept) {
  Make([](pb::RestartPolicy&) {});
  End(pb::FAILED);
  world_.sim().RunFor(90ms);
  EXPECT_EQ(Only()->desired_state, pb::READY);
  world_.sim().RunFor(20ms);
  EXPECT_EQ(Only()->desired_state, pb::RUNNING);
}

// Pinned by SwarmKit.
TEST_F(RestartTest, MaxAttemptsLimitRestartsUntilTheSpecChanges) {
  Make([](pb::RestartPolicy& p) { p.set_max_attempts(1); });
  End(pb::FAILED);
  ASSERT_TRUE(Replaced());
  End(pb::FAILED);
  world_.sim().RunFor(10s);
  EXPECT_FALSE(Replaced());
  world_.UpdateService("web",
                       [](pb::ServiceSpec& spec) { spec.mutable_task()->set_force_update(1); });
  ASSERT_TRUE(world_.Until([&] { return Replaced(); }));
  End(pb::FAILED);
  EXPECT_TRUE(Replaced()) << "the new version begins to count anew";
}

// Pinned by SwarmKit.
TEST_F(RestartTest, AttemptsAreCountedInTheWindow) {
  Make([](pb::RestartPolicy& p) {
    p.set_max_attempts(1);
    p.mutable_window()->set_nanos(500'000'000);
  });
  End(pb::FAILED);
  ASSERT_TRUE(Replaced());
  world_.sim().RunFor(1s);
  End(pb::FAILED);
  ASSERT_TRUE(Replaced()) << "the first restart is out of the window";
  world_.sim().RunFor(150ms);
  End(pb::FAILED);
  world_.sim().RunFor(10s);
  EXPECT_FALSE(Replaced());
}

TEST_F(RestartTest, ATaskThatFailsBeforeItIsStartedIsReplacedAfterItsDelay) {
  Make([](pb::RestartPolicy& p) { p.mutable_delay()->set_seconds(2); });
  End(pb::FAILED);
  const std::string early = Only()->id;
  world_.SetState(early, pb::REJECTED);
  world_.sim().RunFor(1s);
  EXPECT_EQ(Only()->id, early) << "no tight loop";
  ASSERT_TRUE(world_.Until([&] { return Replaced() && Only()->id != early; }));
  EXPECT_EQ(world_.GetTask(early)->desired_state, pb::SHUTDOWN);
}

TEST_F(RestartTest, AReplacementWaitsUntilTheOldTaskHasStopped) {
  world_.AddNode("n1");
  Make([](pb::RestartPolicy&) {});
  const std::string old = Only()->id;
  world_.EditTask(old, [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  world_.EditNode("n1",
                  [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  ASSERT_TRUE(Replaced());
  world_.sim().RunFor(30s);
  EXPECT_EQ(Only()->desired_state, pb::READY);
  world_.SetState(old, pb::SHUTDOWN);
  EXPECT_EQ(Only()->desired_state, pb::RUNNING);
}

TEST_F(RestartTest, AnOldTaskThatNeverStopsIsWaitedForAMinute) {
  world_.AddNode("n1");
  Make([](pb::RestartPolicy&) {});
  world_.EditTask(Only()->id, [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  world_.EditNode("n1",
                  [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  world_.sim().RunFor(59s);
  EXPECT_EQ(Only()->desired_state, pb::READY);
  world_.sim().RunFor(2s);
  EXPECT_EQ(Only()->desired_state, pb::RUNNING);
}

TEST_F(RestartTest, WhenItsNodeIsLostNobodyWaitsForTheOldTask) {
  world_.AddNode("n1");
  Make([](pb::RestartPolicy&) {});
  world_.EditTask(Only()->id, [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  world_.EditNode("n1",
                  [](pb::Node& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  world_.sim().RunFor(1s);
  EXPECT_EQ(Only()->desired_state, pb::READY);
  world_.EditNode("n1", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
  EXPECT_EQ(Only()->desired_state, pb::RUNNING);
}

// --- after a change of leader ---

// Pinned by SwarmKit.
TEST_F(RestartTest, ANewLeaderRestartsWhatEndedMeanwhile) {
  Make([](pb::RestartPolicy&) {}, 3);
  world_.Stop();
  world_.SetState(world_.Tasks("web")[0]->id, pb::REJECTED);
  world_.SetState(world_.Tasks("web")[1]->id, pb::FAILED);
  StartOrchestrator(world_);
  EXPECT_EQ(world_.Tasks("web").size(), 5u);
  EXPECT_EQ(world_.Wanted("web").size(), 3u);
}

TEST_F(RestartTest, ANewLeaderKeepsTheRestOfADelay) {
  Make([](pb::RestartPolicy& p) { p.mutable_delay()->set_seconds(10); });
  End(pb::FAILED);
  world_.sim().RunFor(6s);
  world_.Stop();
  StartOrchestrator(world_);
  world_.sim().RunFor(3s);
  EXPECT_EQ(Only()->desired_state, pb::READY);
  world_.sim().RunFor(2s);
  EXPECT_EQ(Only()->desired_state, pb::RUNNING);
}

TEST_F(RestartTest, ANewLeaderKnowsHowOftenTasksWereRestarted) {
  Make([](pb::RestartPolicy& p) { p.set_max_attempts(1); });
  End(pb::FAILED);
  ASSERT_TRUE(Replaced());
  world_.Stop();
  StartOrchestrator(world_);
  world_.sim().RunFor(1s);
  End(pb::FAILED);
  world_.sim().RunFor(10s);
  EXPECT_FALSE(Replaced());
}

}  // namespace
}  // namespace swarm::orchestrator
