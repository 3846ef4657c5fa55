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

// Pinned by SwarmKit.
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

// Pinned by SwarmKit.
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

TEST_F(ReaperTest, AServiceThatLimitsItsRestartsAnewKeepsLess) {
  Start(5);
  world_.AddService("web", 1, [](pb::Service& s) {
    PolicyOf(s).set_condition(pb::RestartPolicy::ANY);
    PolicyOf(s).mutable_delay()->set_seconds(0);
  });
  for (int i = 0; i < 4; ++i) {
    world_.SetState(world_.Wanted("web").at(0)->id, pb::FAILED);
    world_.sim().RunFor(2s);
  }
  EXPECT_EQ(world_.Tasks("web").size(), 5u);
  world_.UpdateService("web", [](pb::ServiceSpec& spec) {
    spec.mutable_task()->mutable_restart()->set_max_attempts(1);
    spec.mutable_update()->set_failure_action(pb::UpdateConfig::CONTINUE);
  });
  world_.sim().RunFor(1s);
  EXPECT_LE(world_.Tasks("web").size(), 2u);
}

// What tells that a slot has had its turn is not pushed out by what a lost node still has.
TEST_F(ReaperTest, TheLastTaskOfASlotThatIsNotRestartedStays) {
  Start(1);
  world_.AddNode("n1");
  world_.AddService("web", 1,
                    [](pb::Service& s) { PolicyOf(s).set_condition(pb::RestartPolicy::NONE); });
  const std::string lost = world_.Wanted("web").at(0)->id;
  world_.EditTask(lost, [](Task& task) {
    task.node_id = "n1";
    task.status.state = pb::RUNNING;
  });
  world_.EditNode("n1", [](pb::Node& n) { n.mutable_status()->set_state(pb::NodeStatus::DOWN); });
  world_.UpdateService("web", [](pb::ServiceSpec& s) { s.mutable_task()->set_force_update(1); });
  world_.sim().RunFor(1s);
  const std::string last = world_.Wanted("web").at(0)->id;
  world_.SetState(last, pb::COMPLETE);
  world_.sim().RunFor(1s);
  world_.Stop();
  StartOrchestrator(world_);
  world_.sim().RunFor(10s);
  EXPECT_TRUE(Exists(last));
  EXPECT_TRUE(Exists(lost)) << "its node has not said that it stopped";
  EXPECT_TRUE(world_.Wanted("web").empty());
}

// The reaper alone.
class ReaperAloneTest : public ReaperTest {
 protected:
  class Only final : public component::Part {
   public:
    explicit Only(component::Env& env) : reaper(env) {}
    void Begin(const ViewPtr& view) override { reaper.Begin(*view, FindCluster(*view).get()); }
    void OnCommit(const Commit& commit) override {
      for (const Event& event : commit.events) {
        if (event.table == Table::kTask) reaper.OnTask(event);
      }
    }
    Reaper reaper;
  };
  Reaper& StartAlone(std::int64_t limit) {
    world_.AddCluster([limit](pb::Cluster& cluster) {
      cluster.mutable_spec()->mutable_orchestration()->set_task_history_retention_limit(limit);
    });
    Only* made = nullptr;
    world_.Start({"reaper", {Table::kTask}}, [&made](component::Env& env) {
      auto part = std::make_unique<Only>(env);
      made = part.get();
      return part;
    });
    return made->reaper;
  }
  void AddRemovable(int count) {
    world_.Write([count](Transaction& tx) {
      for (int i = 0; i < count; ++i) {
        auto task = std::make_shared<Task>();
        task->id = "r" + std::to_string(i);
        task->spec = std::make_shared<const pb::TaskSpec>();
        task->service_annotations = std::make_shared<const pb::Annotations>();
        task->desired_state = pb::REMOVE;
        task->status.state = pb::SHUTDOWN;
        SWARM_RETURN_IF_ERROR(tx.CreateTask(std::move(task)));
      }
      return Status::Ok();
    });
  }
};

// Pinned by SwarmKit: with a limit of 0 what ended goes, and what was shut down before a node had
// it; nothing else does, and no slot is looked at again.
TEST_F(ReaperAloneTest, WithoutHistoryOnlyWhatLivesStays) {
  world_.AddService("s", 1);
  Reaper& reaper = StartAlone(0);
  for (const pb::TaskState desired : {pb::RUNNING, pb::SHUTDOWN}) {
    for (const pb::TaskState state :
         {pb::NEW, pb::PENDING, pb::ASSIGNED, pb::ACCEPTED, pb::PREPARING, pb::READY, pb::STARTING,
          pb::RUNNING, pb::COMPLETE, pb::SHUTDOWN, pb::FAILED, pb::REJECTED, pb::ORPHANED}) {
      SCOPED_TRACE(pb::TaskState_Name(state) + ", wanted " + pb::TaskState_Name(desired));
      world_.AddTask("probe", "s", With(9, state, desired));
      world_.sim().RunFor(1s);
      const bool unassigned = desired == pb::SHUTDOWN && state < pb::ASSIGNED;
      EXPECT_EQ(Exists("probe"), !IsTerminal(state) && !unassigned);
      EXPECT_EQ(reaper.DirtyForTest(), 0u);
      if (!Exists("probe")) continue;
      world_.Write([](Transaction& tx) { return tx.Delete(Table::kTask, "probe"); });
    }
  }
}

// Pinned by SwarmKit.
TEST_F(ReaperAloneTest, FewDeletionsAreGatheredForAQuarterOfASecond) {
  Reaper& reaper = StartAlone(0);
  EXPECT_FALSE(reaper.WaitsForTest());
  world_.sim().RunFor(500ms);
  EXPECT_FALSE(reaper.WaitsForTest()) << "nothing to do";
  AddRemovable(1);
  world_.sim().RunFor(200ms);
  EXPECT_TRUE(Exists("r0"));
  world_.sim().RunFor(100ms);
  EXPECT_FALSE(Exists("r0"));
  EXPECT_FALSE(reaper.WaitsForTest());
}

// Pinned by SwarmKit.
TEST_F(ReaperAloneTest, ManyDeletionsBeginAtOnce) {
  StartAlone(0);
  world_.DoNotSettle();
  AddRemovable(1001);
  world_.sim().RunFor(10ms);
  EXPECT_FALSE(Exists("r0"));
  EXPECT_FALSE(Exists("r1000"));
}

TEST_F(ReaperAloneTest, ANegativeLimitKeepsEverything) {
  world_.AddService("s", 1);
  StartAlone(-1);
  for (int i = 0; i < 20; ++i) {
    world_.AddTask("t" + std::to_string(i), "s", With(1, pb::FAILED, pb::SHUTDOWN));
  }
  world_.sim().RunFor(1s);
  EXPECT_EQ(world_.Tasks("s").size(), 20u);
}

}  // namespace
}  // namespace swarm::orchestrator
