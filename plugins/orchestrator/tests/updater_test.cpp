#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

#include "orchestrator_world.h"

namespace swarm::orchestrator {
namespace {

using namespace std::chrono_literals;

class UpdaterTest : public testing::Test {
 protected:
  void Make(std::uint64_t replicas, std::function<void(pb::Service&)> edit = {}) {
    orchestrator_ = StartOrchestrator(world_);
    world_.AddService("web", replicas, [&](pb::Service& service) {
      if (edit) edit(service);
    });
    ASSERT_TRUE(world_.Until([&] { return world_.Running("web").size() == replicas; }));
    world_.sim().RunFor(2s);
  }
  void SetImage(const std::string& image) {
    world_.UpdateService("web", [&](pb::ServiceSpec& spec) {
      spec.mutable_task()->mutable_container()->set_image(image);
    });
  }
  static bool Fails(const Task& task) { return task.spec->container().image() == "bad"; }
  std::size_t WithImage(const std::string& image) {
    const auto running = world_.Running("web");
    return static_cast<std::size_t>(std::count_if(
        running.begin(), running.end(),
        [&](const TaskPtr& task) { return task->spec->container().image() == image; }));
  }
  pb::UpdateStatus::UpdateState State() { return world_.Service("web")->update_status().state(); }
  bool Reaches(pb::UpdateStatus::UpdateState state) {
    return world_.Until([&] { return State() == state; }, 10min);
  }
  std::size_t EverWithImage(const std::string& image) {
    const auto tasks = world_.Tasks("web");
    return static_cast<std::size_t>(std::count_if(
        tasks.begin(), tasks.end(),
        [&](const TaskPtr& task) { return task->spec->container().image() == image; }));
  }

  World world_;
  Orchestrator* orchestrator_ = nullptr;
};

// Pinned by SwarmKit.
TEST_F(UpdaterTest, ANewImageReachesAllTasks) {
  world_.AddCluster();
  world_.RunTasks();
  Make(3);
  SetImage("new");
  ASSERT_TRUE(world_.Until([&] { return State() == pb::UpdateStatus::UPDATING; }));
  EXPECT_EQ(world_.Service("web")->update_status().message(), "update in progress");
  ASSERT_TRUE(Reaches(pb::UpdateStatus::COMPLETED));
  EXPECT_EQ(WithImage("new"), 3u);
  EXPECT_EQ(world_.Service("web")->update_status().message(), "update completed");
  EXPECT_TRUE(world_.Service("web")->update_status().has_completed_at());
  for (const TaskPtr& task : world_.Tasks("web")) {
    const bool old = task->spec->container().image() == "image";
    EXPECT_EQ(task->desired_state, old ? pb::SHUTDOWN : pb::RUNNING);
  }
}

TEST_F(UpdaterTest, OneTaskAtATimeUnlessToldOtherwise) {
  world_.RunTasks();
  Make(4);
  std::size_t most_missing = 0;
  world_.DoNotSettle();
  SetImage("new");
  ASSERT_TRUE(world_.Until(
      [&] {
        most_missing =
            std::max(most_missing, 4 - std::min<std::size_t>(4, world_.Running("web").size()));
        return WithImage("new") == 4;
      },
      10min));
  EXPECT_EQ(most_missing, 1u);
}

TEST_F(UpdaterTest, TheDelayLiesBetweenTasks) {
  world_.RunTasks();
  Make(3, [](pb::Service& service) {
    service.mutable_spec()->mutable_update()->set_parallelism(1);
    service.mutable_spec()->mutable_update()->mutable_delay()->set_seconds(10);
  });
  SetImage("new");
  world_.sim().RunFor(5s);
  EXPECT_EQ(WithImage("new"), 1u);
  world_.sim().RunFor(10s);
  EXPECT_EQ(WithImage("new"), 2u);
  world_.sim().RunFor(10s);
  EXPECT_EQ(WithImage("new"), 3u);
}

TEST_F(UpdaterTest, StartFirstStopsTheOldTaskOnceTheNewOneRuns) {
  Make(0);
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_replicated()->set_replicas(1);
    spec.mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
  });
  const std::string old = world_.Wanted("web").at(0)->id;
  world_.SetState(old, pb::RUNNING);
  SetImage("new");
  ASSERT_TRUE(world_.Until([&] { return world_.Wanted("web").size() == 2; }));
  world_.sim().RunFor(5s);
  EXPECT_EQ(world_.GetTask(old)->desired_state, pb::RUNNING);
  for (const TaskPtr& task : world_.Wanted("web")) {
    if (task->id != old) {
      EXPECT_EQ(task->desired_state, pb::RUNNING);
      world_.SetState(task->id, pb::RUNNING);
    }
  }
  EXPECT_EQ(world_.GetTask(old)->desired_state, pb::SHUTDOWN);
}

// Pinned by SwarmKit: old tasks are asked to stop only once the new ones run, and may take their
// time.
TEST_F(UpdaterTest, StartFirstHasTwiceTheTasksWhileTheOldOnesStop) {
  Make(0);
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_replicated()->set_replicas(3);
    spec.mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
    spec.mutable_update()->set_parallelism(1);
  });
  // Nodes that start what they are told to, and never stop anything.
  const auto start_wanted = [&] {
    for (int round = 0; round < 20; ++round) {
      for (const TaskPtr& task : world_.Wanted("web")) {
        if (task->desired_state == pb::RUNNING && task->status.state < pb::RUNNING) {
          world_.SetState(task->id, pb::RUNNING);
        }
      }
      world_.sim().RunFor(1s);
    }
  };
  start_wanted();
  SetImage("new");
  start_wanted();
  EXPECT_EQ(WithImage("new"), 3u);
  int old_ones = 0;
  for (const TaskPtr& task : world_.Tasks("web")) {
    ASSERT_EQ(task->status.state, pb::RUNNING);
    if (task->spec->container().image() == "new") continue;
    ++old_ones;
    EXPECT_EQ(task->desired_state, pb::SHUTDOWN);
  }
  EXPECT_EQ(old_ones, 3);
  EXPECT_EQ(State(), pb::UpdateStatus::COMPLETED);
}

// Pinned by SwarmKit.
TEST_F(UpdaterTest, PauseStopsAtTheFirstFailure) {
  world_.RunTasks(Fails);
  Make(3, [](pb::Service& service) { PolicyOf(service).set_condition(pb::RestartPolicy::NONE); });
  SetImage("bad");
  ASSERT_TRUE(Reaches(pb::UpdateStatus::PAUSED));
  EXPECT_EQ(EverWithImage("bad"), 1u);
  const std::string message = world_.Service("web")->update_status().message();
  EXPECT_TRUE(message.starts_with("update paused due to failure or early termination of task "))
      << message;
  world_.sim().RunFor(1min);
  EXPECT_EQ(EverWithImage("bad"), 1u);
  // Nobody goes on with it, a new leader neither.
  world_.Stop();
  StartOrchestrator(world_);
  world_.sim().RunFor(1min);
  EXPECT_EQ(EverWithImage("bad"), 1u);
  EXPECT_EQ(State(), pb::UpdateStatus::PAUSED);
}

// Pinned by SwarmKit.
TEST_F(UpdaterTest, ContinueUpdatesAllWhateverFails) {
  world_.RunTasks(Fails);
  Make(3, [](pb::Service& service) {
    PolicyOf(service).set_condition(pb::RestartPolicy::NONE);
    service.mutable_spec()->mutable_update()->set_parallelism(1);
    service.mutable_spec()->mutable_update()->set_failure_action(pb::UpdateConfig::CONTINUE);
  });
  SetImage("bad");
  ASSERT_TRUE(Reaches(pb::UpdateStatus::COMPLETED));
  EXPECT_EQ(EverWithImage("bad"), 3u);
}

// Every second task with the image fails, beginning with the first.
class Alternating {
 public:
  bool operator()(const Task& task, const std::string& image) {
    if (task.spec->container().image() != image) return false;
    return verdicts_.try_emplace(task.id, verdicts_.size() % 2 == 0).first->second;
  }

 private:
  std::map<std::string, bool> verdicts_;
};

void RollbackAtFortyPercent(pb::Service& service) {
  PolicyOf(service).set_condition(pb::RestartPolicy::NONE);
  auto& update = *service.mutable_spec()->mutable_update();
  update.set_parallelism(1);
  update.set_failure_action(pb::UpdateConfig::ROLLBACK);
  update.set_max_failure_ratio(0.4F);
  service.mutable_spec()->mutable_rollback()->set_parallelism(1);
}

// With and without versions of the specification: services made by old managers have none.
class RollbackTest : public UpdaterTest, public testing::WithParamInterface<bool> {
 protected:
  void MakeFour(std::optional<pb::UpdateConfig::FailureAction> action = std::nullopt) {
    world_.RunTasks([this](const Task& task) {
      const std::string& image = task.spec->container().image();
      return alternating_(task, "bad") || (old_fails_ && image == "image");
    });
    Make(4, [&](pb::Service& service) {
      if (!GetParam()) service.clear_spec_version();
      RollbackAtFortyPercent(service);
      if (action) service.mutable_spec()->mutable_rollback()->set_failure_action(*action);
    });
    world_.DoNotSettle();
  }

  Alternating alternating_;
  bool old_fails_ = false;
};

INSTANTIATE_TEST_SUITE_P(Versions, RollbackTest, testing::Bool(), [](const auto& with) {
  return with.param ? "WithSpecVersions" : "WithoutSpecVersions";
});

// Pinned by SwarmKit.
TEST_P(RollbackTest, ReturnsToThePreviousVersion) {
  MakeFour();
  SetImage("bad");
  ASSERT_TRUE(Reaches(pb::UpdateStatus::ROLLBACK_STARTED));
  EXPECT_TRUE(world_.Service("web")->update_status().message().starts_with(
      "update rolled back due to failure or early termination of task "));
  ASSERT_TRUE(Reaches(pb::UpdateStatus::ROLLBACK_COMPLETED));
  EXPECT_EQ(EverWithImage("bad"), 3u) << "1 of 4 is within the ratio, 2 of 4 are not";
  EXPECT_EQ(EverWithImage("image"), 4u + 3u) << "only what had been replaced is made again";
  EXPECT_EQ(WithImage("image"), 4u);
  EXPECT_FALSE(world_.Service("web")->has_previous_spec());
  EXPECT_FALSE(world_.Service("web")->has_previous_spec_version());
  EXPECT_EQ(world_.Service("web")->update_status().message(), "rollback completed");
}

// Pinned by SwarmKit.
TEST_P(RollbackTest, PausesWhenItFails) {
  MakeFour(pb::UpdateConfig::PAUSE);
  old_fails_ = true;
  SetImage("bad");
  ASSERT_TRUE(Reaches(pb::UpdateStatus::ROLLBACK_PAUSED));
  EXPECT_TRUE(world_.Service("web")->update_status().message().starts_with("update paused due to"));
  world_.sim().RunFor(1min);
  EXPECT_EQ(State(), pb::UpdateStatus::ROLLBACK_PAUSED);
}

// Pinned by SwarmKit.
TEST_P(RollbackTest, CompletesWhateverFailsIfItIsToContinue) {
  MakeFour(pb::UpdateConfig::CONTINUE);
  old_fails_ = true;
  SetImage("bad");
  EXPECT_TRUE(Reaches(pb::UpdateStatus::ROLLBACK_COMPLETED));
}

// There is nothing left to roll back to: SwarmKit reports it as completed.
TEST_P(RollbackTest, ThatIsToBeRolledBackItselfPauses) {
  MakeFour(pb::UpdateConfig::ROLLBACK);
  old_fails_ = true;
  SetImage("bad");
  ASSERT_TRUE(Reaches(pb::UpdateStatus::ROLLBACK_PAUSED));
  EXPECT_TRUE(
      world_.Service("web")->update_status().message().starts_with("rollback paused due to"));
  world_.sim().RunFor(1min);
  EXPECT_EQ(State(), pb::UpdateStatus::ROLLBACK_PAUSED);
}

// Nothing to go back to: what fails must still not be repeated on and on.
TEST_F(UpdaterTest, AnUpdateWithoutAPreviousVersionPausesInsteadOfRollingBack) {
  world_.RunTasks(Fails);
  Make(2, [](pb::Service& service) {
    PolicyOf(service).set_condition(pb::RestartPolicy::NONE);
    service.mutable_spec()->mutable_update()->set_failure_action(pb::UpdateConfig::ROLLBACK);
    service.mutable_spec()->mutable_update()->set_parallelism(1);
  });
  world_.Write([](Transaction& tx) {
    auto service = std::make_shared<pb::Service>(*tx.Get<pb::Service>("web"));
    service->mutable_spec()->mutable_task()->mutable_container()->set_image("bad");
    service->mutable_spec_version()->set_index(service->meta().version().index());
    return tx.Update(std::move(service));
  });
  ASSERT_TRUE(Reaches(pb::UpdateStatus::PAUSED));
  EXPECT_TRUE(world_.Service("web")->update_status().message().starts_with("update paused due to"));
  world_.sim().RunFor(1min);
  EXPECT_EQ(EverWithImage("bad"), 1u);
}

TEST_F(UpdaterTest, AFailureAfterTheMonitoringPeriodDoesNotCount) {
  world_.RunTasks();
  Make(2, [](pb::Service& service) {
    PolicyOf(service).set_condition(pb::RestartPolicy::NONE);
    auto& update = *service.mutable_spec()->mutable_update();
    update.set_parallelism(1);
    update.mutable_monitor()->set_seconds(2);
    update.mutable_delay()->set_seconds(20);
  });
  SetImage("new");
  ASSERT_TRUE(world_.Until([&] { return WithImage("new") == 1; }));
  world_.sim().RunFor(10s);
  for (const TaskPtr& task : world_.Running("web")) {
    if (task->spec->container().image() == "new") world_.SetState(task->id, pb::FAILED);
  }
  world_.sim().RunFor(5s);
  EXPECT_EQ(State(), pb::UpdateStatus::UPDATING);
}

TEST_F(UpdaterTest, ANewUpdateTakesOver) {
  world_.RunTasks();
  Make(4, [](pb::Service& service) {
    service.mutable_spec()->mutable_update()->set_parallelism(1);
    service.mutable_spec()->mutable_update()->mutable_delay()->set_seconds(5);
  });
  SetImage("second");
  world_.sim().RunFor(6s);
  SetImage("third");
  ASSERT_TRUE(Reaches(pb::UpdateStatus::COMPLETED));
  EXPECT_EQ(WithImage("third"), 4u);
  EXPECT_EQ(world_.Wanted("web").size(), 4u);
}

// The control API clears the status; what is still under way must not look as if it were not.
TEST_F(UpdaterTest, AnUpdateThatChangesNothingLeavesTheOneUnderWayVisible) {
  world_.RunTasks();
  Make(3, [](pb::Service& service) {
    service.mutable_spec()->mutable_update()->set_parallelism(1);
    service.mutable_spec()->mutable_update()->mutable_delay()->set_seconds(5);
  });
  SetImage("new");
  world_.sim().RunFor(2s);
  world_.UpdateService("web", [](pb::ServiceSpec&) {});
  EXPECT_EQ(State(), pb::UpdateStatus::UPDATING);
  ASSERT_TRUE(Reaches(pb::UpdateStatus::COMPLETED));
  EXPECT_EQ(WithImage("new"), 3u);
}

// As the control API does when asked for the previous version.
Status RollBack(Transaction& tx) {
  auto service = std::make_shared<pb::Service>(*tx.Get<pb::Service>("web"));
  service->mutable_spec()->Swap(service->mutable_previous_spec());
  service->mutable_spec_version()->Swap(service->mutable_previous_spec_version());
  service->mutable_update_status()->set_state(pb::UpdateStatus::ROLLBACK_STARTED);
  return tx.Update(std::move(service));
}

// A user asks for the previous version in the moment in which the update ends, which a first run
// tells.
TEST(UpdateStatusTest, AnUpdateThatEndsDoesNotSpeakForTheRollbackJustBefore) {
  Duration took{};
  for (const bool with_rollback : {false, true}) {
    World world;
    world.RunTasks();
    StartOrchestrator(world);
    world.AddService("web", 2);
    world.sim().RunFor(2s);
    const auto user = world.runtime().NewLoop("user", LoopKind::kShared);
    std::unique_ptr<Timer> timer;
    if (with_rollback) {
      timer = user->After(
          took, [&world] { world.store().writer()->Update(RollBack, [](const auto&) {}); });
    }
    const auto began = world.sim().Now();
    world.UpdateService("web", [](pb::ServiceSpec& spec) {
      spec.mutable_task()->mutable_container()->set_image("new");
    });
    const auto state = [&world] { return world.Service("web")->update_status().state(); };
    ASSERT_TRUE(world.Until([&] { return state() != pb::UpdateStatus::UPDATING; }));
    took = world.sim().Now() - began;
    if (!with_rollback) continue;
    ASSERT_TRUE(world.Until([&] { return state() == pb::UpdateStatus::ROLLBACK_COMPLETED; }));
    for (const TaskPtr& task : world.Running("web")) {
      EXPECT_EQ(task->spec->container().image(), "image");
    }
  }
}

TEST_F(UpdaterTest, ANewLeaderFinishesTheUpdate) {
  world_.RunTasks();
  Make(3, [](pb::Service& service) {
    service.mutable_spec()->mutable_update()->set_parallelism(1);
    service.mutable_spec()->mutable_update()->mutable_delay()->set_seconds(5);
  });
  SetImage("new");
  world_.sim().RunFor(2s);
  world_.Stop();
  EXPECT_LT(WithImage("new"), 3u);
  StartOrchestrator(world_);
  ASSERT_TRUE(Reaches(pb::UpdateStatus::COMPLETED));
  EXPECT_EQ(WithImage("new"), 3u);
}

// One task serves, one is to take over; nothing of the updates between them is left.
TEST_F(UpdaterTest, UpdatesThatOvertakeEachOtherLeaveNoTasksBehind) {
  Make(0);
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_replicated()->set_replicas(2);
    spec.mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
    spec.mutable_update()->set_parallelism(1);
  });
  for (const TaskPtr& task : world_.Wanted("web")) world_.SetState(task->id, pb::RUNNING);
  for (const char* image : {"v1", "v2", "v3"}) {
    SetImage(image);
    world_.sim().RunFor(5s);
  }
  EXPECT_EQ(WithImage("image"), 2u) << "what runs goes on until its successor does";
  EXPECT_EQ(world_.Wanted("web").size(), 3u);
  std::size_t newest = 0;
  for (const TaskPtr& task : world_.Wanted("web")) {
    newest += task->spec->container().image() == "v3" ? 1 : 0;
  }
  EXPECT_EQ(newest, 1u);
}

// An update that waits for one slot does not leave both of another slot running.
TEST_F(UpdaterTest, WhatIsOnItsWayTakesOverBeforeItsSlotsTurn) {
  Make(0);
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_replicated()->set_replicas(2);
    spec.mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
    spec.mutable_update()->set_parallelism(0);
  });
  for (const TaskPtr& task : world_.Wanted("web")) world_.SetState(task->id, pb::RUNNING);
  SetImage("new");
  world_.sim().RunFor(1s);
  ASSERT_EQ(world_.Wanted("web").size(), 4u);
  // Now one at a time: slot 1 waits for good.
  world_.UpdateService("web",
                       [](pb::ServiceSpec& spec) { spec.mutable_update()->set_parallelism(1); });
  world_.sim().RunFor(1s);
  for (const TaskPtr& task : world_.Wanted("web")) {
    if (task->slot == 2 && task->spec->container().image() == "new") {
      world_.SetState(task->id, pb::RUNNING);
    }
  }
  world_.sim().RunFor(1s);
  std::map<std::uint64_t, int> wanted;
  for (const TaskPtr& task : world_.Wanted("web")) ++wanted[task->slot];
  EXPECT_EQ(wanted, (std::map<std::uint64_t, int>{{1, 2}, {2, 1}}));
}

// The old task fails while the new one waits for a node: one successor is enough.
TEST_F(UpdaterTest, AnOldTaskThatFailsIsNotRestartedBesideItsSuccessor) {
  Make(0);
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_replicated()->set_replicas(1);
    spec.mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
    spec.mutable_task()->mutable_restart()->set_condition(pb::RestartPolicy::ANY);
  });
  const std::string old = world_.Wanted("web").at(0)->id;
  world_.SetState(old, pb::RUNNING);
  SetImage("new");
  world_.sim().RunFor(1s);
  ASSERT_EQ(world_.Wanted("web").size(), 2u);
  world_.SetState(old, pb::FAILED);
  world_.sim().RunFor(10s);
  ASSERT_EQ(world_.Wanted("web").size(), 1u);
  EXPECT_EQ(world_.Wanted("web")[0]->desired_state, pb::RUNNING);
  world_.SetState(world_.Wanted("web")[0]->id, pb::RUNNING);
  EXPECT_TRUE(Reaches(pb::UpdateStatus::COMPLETED));
  EXPECT_EQ(WithImage("new"), 1u);
}

// What failed is restarted, and then its slot has no need of the old task any more.
TEST_F(UpdaterTest, APausedUpdateEndsWhatItBegan) {
  bool broken = true;
  world_.RunTasks(
      [&](const Task& task) { return broken && task.spec->container().image() == "new"; });
  Make(2, [](pb::Service& service) {
    service.mutable_spec()->mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
    service.mutable_spec()->mutable_update()->set_parallelism(1);
  });
  SetImage("new");
  ASSERT_TRUE(Reaches(pb::UpdateStatus::PAUSED));
  EXPECT_EQ(WithImage("image"), 2u);
  for (const bool new_leader : {false, true}) {
    if (new_leader) {
      world_.Stop();
      StartOrchestrator(world_);
      broken = false;
    }
    world_.sim().RunFor(20s);
    EXPECT_EQ(WithImage("image"), new_leader ? 1u : 2u);
    EXPECT_EQ(WithImage("new"), new_leader ? 1u : 0u);
    EXPECT_EQ(State(), pb::UpdateStatus::PAUSED);
  }
}

TEST_F(UpdaterTest, ANewLeaderStopsNoOldTaskBeforeItsSuccessorRuns) {
  Make(0);
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_replicated()->set_replicas(1);
    spec.mutable_update()->set_order(pb::UpdateConfig::START_FIRST);
  });
  const std::string old = world_.Wanted("web").at(0)->id;
  world_.SetState(old, pb::RUNNING);
  SetImage("new");
  world_.sim().RunFor(5s);
  ASSERT_EQ(world_.Wanted("web").size(), 2u);
  world_.Stop();
  StartOrchestrator(world_);
  world_.sim().RunFor(1min);
  ASSERT_EQ(world_.Wanted("web").size(), 2u) << "the new one does not run yet";
  for (const TaskPtr& task : world_.Wanted("web")) {
    if (task->id != old) world_.SetState(task->id, pb::RUNNING);
  }
  EXPECT_EQ(world_.GetTask(old)->desired_state, pb::SHUTDOWN);
  EXPECT_TRUE(Reaches(pb::UpdateStatus::COMPLETED));
  EXPECT_EQ(WithImage("new"), 1u);
}

// Pinned by SwarmKit.
TEST_F(UpdaterTest, NewPullOptionsAloneRestartNothingThatRuns) {
  world_.RunTasks();
  Make(2, [](pb::Service& service) { service.clear_spec_version(); });
  const auto before = world_.Running("web");
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_task()->mutable_container()->mutable_pull_options()->set_registry_auth("new");
  });
  world_.sim().RunFor(10s);
  EXPECT_EQ(world_.Running("web"), before);
}

// Pinned by SwarmKit: what does not run any more is made again with the new credentials.
TEST_F(UpdaterTest, NewPullOptionsReplaceWhatHasEnded) {
  world_.RunTasks();
  Make(2, [](pb::Service& service) { PolicyOf(service).set_condition(pb::RestartPolicy::NONE); });
  const auto before = world_.Running("web");
  world_.SetState(before[0]->id, pb::COMPLETE);
  world_.sim().RunFor(10s);
  ASSERT_EQ(world_.Running("web").size(), 1u);
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_task()->mutable_container()->mutable_pull_options()->set_registry_auth("new");
  });
  ASSERT_TRUE(world_.Until([&] { return world_.Running("web").size() == 2; }));
  EXPECT_EQ(world_.GetTask(before[1]->id)->desired_state, pb::RUNNING);
}

// Pinned by SwarmKit.
TEST_F(UpdaterTest, AnOldTaskThatNeverStopsDelaysTheNewOneForTheTimeout) {
  Make(0);
  orchestrator_->restarts().SetStopTimeoutForTest(500ms);
  world_.AddNode("n1");
  world_.UpdateService("web",
                       [](pb::ServiceSpec& spec) { spec.mutable_replicated()->set_replicas(1); });
  world_.EditTask(world_.Wanted("web").at(0)->id, [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  SetImage("new");
  world_.sim().RunFor(400ms);
  ASSERT_EQ(world_.Wanted("web").size(), 1u);
  EXPECT_EQ(world_.Wanted("web")[0]->desired_state, pb::READY);
  world_.sim().RunFor(200ms);
  EXPECT_EQ(world_.Wanted("web")[0]->desired_state, pb::RUNNING);
}

// Pinned by SwarmKit.
TEST_F(UpdaterTest, TheLogDriverIsTheServicesOrElseTheClusters) {
  world_.AddCluster([](pb::Cluster& cluster) {
    cluster.mutable_spec()->mutable_task_defaults()->mutable_log_driver()->set_name("cluster");
  });
  world_.RunTasks();
  Make(1);
  EXPECT_EQ(world_.Running("web")[0]->extras->log_driver->name(), "cluster");
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_task()->mutable_log_driver()->set_name("service");
  });
  ASSERT_TRUE(Reaches(pb::UpdateStatus::COMPLETED));
  EXPECT_EQ(world_.Running("web")[0]->extras->log_driver->name(), "service");
}

}  // namespace
}  // namespace swarm::orchestrator
