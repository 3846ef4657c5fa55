#include "reaper.h"

#include <gtest/gtest.h>

#include "orchestrator_world.h"

namespace swarm::orchestrator {
namespace {

using namespace std::chrono_literals;

class ReaperTest : public testing::Test {
 protected:
  void Start(std::int64_t limit) {
    world_.AddCluster([limit](pb::Cluster& cluster) {
      cluster.mutable_spec()->mutable_orchestration()->set_task_history_retention_limit(limit);
    });
    StartOrchestrator(world_);
  }
  std::function<void(Task&)> With(std::uint64_t slot, pb::TaskState state, pb::TaskState desired) {
    return [=](Task& task) {
      task.slot = slot;
      task.status.state = state;
      task.desired_state = desired;
    };
  }
  bool Exists(const std::string& id) { return world_.GetTask(id) != nullptr; }
  World world_;
};

TEST_F(ReaperTest, AtStartRemovedTasksThatNoNodeHasGo) {
  world_.AddService("web", 1);
  world_.AddTask("live", "web", With(1, pb::RUNNING, pb::RUNNING));
  world_.AddTask("history", "web", With(1, pb::FAILED, pb::SHUTDOWN));
  world_.AddTask("stopped", "web", With(2, pb::SHUTDOWN, pb::REMOVE));
  world_.AddTask("nowhere", "web", With(3, pb::PENDING, pb::REMOVE));
  world_.AddTask("stopping", "web", With(4, pb::RUNNING, pb::REMOVE));
  Start(5);
  EXPECT_TRUE(Exists("live"));
  EXPECT_TRUE(Exists("history"));
  EXPECT_FALSE(Exists("stopped"));
  EXPECT_FALSE(Exists("nowhere"));
  EXPECT_TRUE(Exists("stopping"));
  world_.SetState("stopping", pb::SHUTDOWN);
  world_.sim().RunFor(300ms);
  EXPECT_FALSE(Exists("stopping"));
}

TEST_F(ReaperTest, ASlotKeepsAsMuchHistoryAsTheClusterSays) {
  Start(2);
  world_.AddService("web", 1, [](pb::Service& s) {
    PolicyOf(s).set_condition(pb::RestartPolicy::ANY);
    PolicyOf(s).mutable_delay()->set_seconds(0);
  });
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(world_.Wanted("web").at(0)->id);
    world_.sim().RunFor(1s);
    world_.SetState(ids.back(), pb::FAILED);
    world_.sim().RunFor(1s);
  }
  EXPECT_EQ(world_.Tasks("web").size(), 2u);
  EXPECT_FALSE(Exists(ids[0]));
  EXPECT_FALSE(Exists(ids[1]));
  EXPECT_TRUE(Exists(ids[2]));
}

TEST_F(ReaperTest, LimitedRestartsKeepTheirOwnHistory) {
  Start(0);
  world_.AddService("web", 1, [](pb::Service& s) {
    PolicyOf(s).set_condition(pb::RestartPolicy::ANY);
    PolicyOf(s).mutable_delay()->set_seconds(0);
    PolicyOf(s).set_max_attempts(2);
  });
  for (int i = 0; i < 3; ++i) {
    world_.SetState(world_.Wanted("web").at(0)->id, pb::FAILED);
    world_.sim().RunFor(2s);
  }
  EXPECT_EQ(world_.Tasks("web").size(), 3u);
}

// Pinned upstream: with a limit of 0 what may not go are tasks that run or will.
TEST_F(ReaperTest, WithoutHistoryOnlyWhatLivesStays) {
  world_.AddService("off", 0);
  Start(0);
  const auto kept = [&](pb::TaskState state, pb::TaskState desired) {
    world_.AddService("s", 1,
                      [](pb::Service& s) { PolicyOf(s).set_condition(pb::RestartPolicy::NONE); });
    world_.Write([](Transaction& tx) {
      // Of the service's own task nothing shall disturb.
      std::vector<std::string> ids;
      (void)tx.FindTasks(By::Service("s"), [&ids](const TaskPtr& task) {
        ids.push_back(task->id);
        return true;
      });
      for (const auto& id : ids) SWARM_RETURN_IF_ERROR(tx.Delete(Table::kTask, id));
      return Status::Ok();
    });
    world_.AddTask("probe", "s", With(9, state, desired));
    world_.sim().RunFor(1s);
    const bool exists = Exists("probe");
    world_.RemoveService("s");
    world_.Write([](Transaction& tx) {
      if (tx.GetTask("probe")) return tx.Delete(Table::kTask, "probe");
      return Status::Ok();
    });
    world_.sim().RunFor(2s);
    return exists;
  };
  EXPECT_TRUE(kept(pb::RUNNING, pb::SHUTDOWN));
  EXPECT_TRUE(kept(pb::ASSIGNED, pb::SHUTDOWN));
  EXPECT_FALSE(kept(pb::NEW, pb::SHUTDOWN));
  EXPECT_FALSE(kept(pb::PENDING, pb::SHUTDOWN));
  EXPECT_FALSE(kept(pb::SHUTDOWN, pb::SHUTDOWN));
  EXPECT_FALSE(kept(pb::FAILED, pb::SHUTDOWN));
}

TEST_F(ReaperTest, DeletionsAreGathered) {
  Start(0);
  world_.AddService("web", 0);
  world_.AddTask("old", "web", With(1, pb::RUNNING, pb::REMOVE));
  world_.sim().RunFor(1s);
  world_.SetState("old", pb::SHUTDOWN);
  world_.sim().RunFor(200ms);
  EXPECT_TRUE(Exists("old"));
  world_.sim().RunFor(100ms);
  EXPECT_FALSE(Exists("old"));
}

}  // namespace
}  // namespace swarm::orchestrator
