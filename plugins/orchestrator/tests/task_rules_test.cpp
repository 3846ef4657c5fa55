#include "task_rules.h"

#include <gtest/gtest.h>

namespace swarm::orchestrator {
namespace {

struct Pair {
  Pair() {
    service.mutable_spec()->mutable_task()->mutable_container()->set_image("image");
    task.status.state = pb::RUNNING;
    task.desired_state = pb::RUNNING;
    Sync();
  }
  // The task gets what the service asks for now.
  void Sync() { task.spec = std::make_shared<const pb::TaskSpec>(service.spec().task()); }
  pb::TaskSpec& wanted() { return *service.mutable_spec()->mutable_task(); }
  bool Dirty(const pb::Node* node = nullptr) { return IsDirty(service, task, node); }

  pb::Service service;
  Task task;
};

// Pinned by SwarmKit.
TEST(TaskRulesTest, EqualVersionsAreCleanWhateverTheSpecs) {
  Pair p;
  p.wanted().mutable_container()->set_image("new");
  p.service.mutable_spec_version()->set_index(7);
  p.task.has_spec_version = true;
  p.task.spec_version = 7;
  EXPECT_FALSE(p.Dirty());
  p.task.spec_version = 6;
  EXPECT_TRUE(p.Dirty());
}

// Pinned by SwarmKit.
TEST(TaskRulesTest, AChangedImageIsDirtyAndAnEqualSpecIsNot) {
  Pair p;
  EXPECT_FALSE(p.Dirty());
  p.wanted().mutable_container()->set_image("new");
  EXPECT_TRUE(p.Dirty());
}

TEST(TaskRulesTest, AbsentAndEmptyMessagesDiffer) {
  Pair p;
  p.wanted().mutable_resources();
  EXPECT_TRUE(p.Dirty());
}

// Pinned by SwarmKit.
TEST(TaskRulesTest, ANodeThatStillFitsKeepsTasksWhoseConstraintsChanged) {
  Pair p;
  pb::Node node;
  node.set_id("n1");
  p.wanted().mutable_placement()->add_constraints("node.id == n1");
  EXPECT_FALSE(p.Dirty(&node));
  EXPECT_TRUE(p.Dirty()) << "without a node nothing is known";
  p.wanted().mutable_placement()->set_constraints(0, "node.id == n2");
  EXPECT_TRUE(p.Dirty(&node));
  p.wanted().mutable_placement()->set_constraints(0, "this is no constraint");
  EXPECT_FALSE(p.Dirty(&node));
  p.wanted().mutable_container()->set_image("new");
  EXPECT_TRUE(p.Dirty(&node)) << "more than the placement differs";
}

// Pinned by SwarmKit.
TEST(TaskRulesTest, PullOptionsCountOnlyForWhatDoesNotRun) {
  Pair p;
  p.wanted().mutable_container()->mutable_pull_options()->set_registry_auth("secret");
  EXPECT_FALSE(p.Dirty());
  p.task.status.state = pb::PREPARING;
  EXPECT_TRUE(p.Dirty());
}

TEST(TaskRulesTest, AChangedEndpointIsDirtyOnceTheTaskHasOne) {
  Pair p;
  p.service.mutable_spec()->mutable_endpoint()->add_ports()->set_target_port(80);
  EXPECT_FALSE(p.Dirty());
  auto endpoint = std::make_shared<pb::Endpoint>();
  p.task.endpoint = endpoint;
  EXPECT_TRUE(p.Dirty());
  *endpoint->mutable_spec() = p.service.spec().endpoint();
  EXPECT_FALSE(p.Dirty());
}

// Pinned by SwarmKit: an empty placement is as good as none as long as nothing else differs.
TEST(TaskRulesTest, APlacementThatIsGoneConstrainsNothing) {
  Pair p;
  pb::Node node;
  p.wanted().mutable_placement()->add_constraints("node.id == elsewhere");
  p.Sync();
  p.wanted().clear_placement();
  EXPECT_FALSE(p.Dirty(&node));
  p.wanted().mutable_placement();
  EXPECT_FALSE(p.Dirty(&node));
}

// Pinned by SwarmKit: when a manager learnt of a state counts before when a node reached it.
TEST(TaskRulesTest, TasksAreOrderedByWhenTheirStateWasApplied) {
  Task a;
  Task b;
  a.status.timestamp = {5, 0, true};
  b.status.timestamp = {6, 0, true};
  EXPECT_LT(TaskTimestamp(a), TaskTimestamp(b));
  a.status.applied_at = {7, 0, true};
  EXPECT_LT(TaskTimestamp(b), TaskTimestamp(a));
  b.status.applied_at = {8, 0, true};
  EXPECT_LT(TaskTimestamp(a), TaskTimestamp(b));
  EXPECT_LT(TaskTimestamp(Task()), TaskTimestamp(a));
}

TEST(TaskRulesTest, MissingDownAndDrainedNodesAreInvalid) {
  EXPECT_TRUE(IsInvalid(nullptr));
  pb::Node node;
  for (const auto state :
       {pb::NodeStatus::UNKNOWN, pb::NodeStatus::READY, pb::NodeStatus::DISCONNECTED}) {
    node.mutable_status()->set_state(state);
    EXPECT_FALSE(IsInvalid(&node));
  }
  node.mutable_spec()->set_availability(pb::NodeSpec::PAUSE);
  EXPECT_FALSE(IsInvalid(&node));
  node.mutable_spec()->set_availability(pb::NodeSpec::DRAIN);
  EXPECT_TRUE(IsInvalid(&node));
  node.mutable_spec()->set_availability(pb::NodeSpec::ACTIVE);
  node.mutable_status()->set_state(pb::NodeStatus::DOWN);
  EXPECT_TRUE(IsInvalid(&node));
}

}  // namespace
}  // namespace swarm::orchestrator
