// Engines that go away, hang and come back; restarts; what is left behind.
#include "controller_fixture.h"

namespace swarm::executor_docker {
namespace {

using OutageTest = ControllerFixture;

TEST_F(OutageTest, ATaskWaitsForAnEngineThatIsAway) {
  Settle();
  engine().GoDown();
  Controller& task = Control(TaskOf("t1"));
  const StepResult told = Run(task, &Controller::Prepare);
  EXPECT_TRUE(told.temporary);
  EXPECT_THAT(told.status.message(), HasSubstr("connection refused")) << "the user sees why";
  // Asked again, it waits, however long that takes, and goes on as soon as the engine is there.
  const Pending prepare = Begin(task, &Controller::Prepare);
  rig.sim().RunFor(2h);
  EXPECT_FALSE(prepare->has_value());
  engine().ComeBack();
  EXPECT_TRUE(Await(prepare).status.ok());
}

TEST_F(OutageTest, AnEngineThatIsAwayIsNotAskedInAHotLoop) {
  Settle();
  engine().GoDown();
  const int before = Calls("GET /events");
  rig.sim().RunFor(10min);
  const int tries = Calls("GET /events") - before;
  EXPECT_GT(tries, 30) << "and yet often enough";
  EXPECT_LT(tries, 150);
}

TEST_F(OutageTest, RunningTasksOutliveAnEnginesAbsence) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  engine().GoDown();
  rig.sim().RunFor(1h);
  EXPECT_FALSE(wait->has_value());
  engine().ComeBack();
  rig.sim().RunFor(1min);
  EXPECT_FALSE(wait->has_value());
  EXPECT_GT(task.ContainerStatus()->pid(), 0);
}

TEST_F(OutageTest, AnEndDuringTheAbsenceIsNoticedOnReturn) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  engine().GoDown();
  rig.sim().RunFor(1min);
  engine().ComeBack(true);
  EXPECT_EQ(Await(wait).exit_code, 255);
}

TEST_F(OutageTest, AWaitThatBeginsDuringTheAbsenceSaysNothing) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  engine().GoDown();
  const Pending wait = Begin(task, &Controller::Wait);
  rig.sim().RunFor(1h);
  EXPECT_FALSE(wait->has_value());
  engine().ComeBack(true);
  EXPECT_EQ(Await(wait).exit_code, 255);
}

TEST_F(OutageTest, AHungEngineIsAwayToo) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  engine().Hang(true);
  Controller& other = Control(TaskOf("t2"));
  const StepResult told = Run(other, &Controller::Prepare);
  EXPECT_TRUE(told.temporary);
  EXPECT_EQ(told.status.code(), Code::kUnavailable) << "so that the agent shows it";
  const Pending prepare = Begin(other, &Controller::Prepare);
  rig.sim().RunFor(1h);
  EXPECT_FALSE(wait->has_value());
  EXPECT_FALSE(prepare->has_value());
  engine().Hang(false);
  EXPECT_TRUE(Await(prepare).status.ok());
  engine().Exit(*engine().OfTask("t1"), 3);
  EXPECT_EQ(Await(wait).exit_code, 3);
}

TEST_F(OutageTest, NothingIsMadeOnAnEngineThatShutsDown) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  const Pending wait = Begin(task, &Controller::Wait);
  Settle();
  engine().Leave();
  EXPECT_TRUE(Await(wait).status.ok()) << "it ended with its engine";
  Controller& next = Control(TaskOf("t2"));
  EXPECT_TRUE(Run(next, &Controller::Prepare).temporary);
  const Pending prepare = Begin(next, &Controller::Prepare);
  rig.sim().RunFor(1min);
  EXPECT_FALSE(prepare->has_value());
  EXPECT_EQ(engine().containers.size(), 1u);
  engine().GoDown();
  rig.sim().RunFor(1min);
  engine().ComeBack();
  EXPECT_TRUE(Await(prepare).status.ok());
  EXPECT_TRUE(Run(next, &Controller::Start).status.ok());
}

TEST_F(OutageTest, AStartThatFailsAsTheEngineShutsDownIsTriedAgain) {
  Controller& task = Control(TaskOf("t1"));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  engine().LeaveAt("POST /containers/c1/start");
  const StepResult told = Run(task, &Controller::Start);
  EXPECT_TRUE(told.temporary) << told.status;
  EXPECT_EQ(told.status.code(), Code::kUnavailable);
  engine().GoDown();
  rig.sim().RunFor(1min);
  engine().ComeBack();
  EXPECT_TRUE(Run(task, &Controller::Start).status.ok());
}

TEST_F(OutageTest, ARemovalDoesNotHoldUpAStop) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  engine().GoDown();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Run(task, &Controller::Remove).temporary);
}

TEST_F(OutageTest, AStopWhoseAnswerIsLostIsAskedAgain) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  engine().LoseNext("POST /containers/c1/stop");
  EXPECT_TRUE(Run(task, &Controller::Shutdown).temporary);
  EXPECT_TRUE(Run(task, &Controller::Shutdown).status.ok());
}

TEST_F(OutageTest, AStartWhoseAnswerIsLostIsNotRepeated) {
  Controller& task = Control(TaskOf("t1"));
  ASSERT_TRUE(Run(task, &Controller::Prepare).status.ok());
  engine().LoseNext("POST /containers/c1/start");
  EXPECT_TRUE(Run(task, &Controller::Start).temporary);
  EXPECT_TRUE(Run(task, &Controller::Start).status.ok());
  EXPECT_EQ(Calls("POST /containers/c1/start"), 1);
}

// --- what is left behind ---

FakeContainer Left(const std::string& id, const std::string& task, const std::string& node) {
  FakeContainer out;
  out.id = id;
  out.name = id;
  out.state = "running";
  out.body = {{"Labels", {{std::string(kLabelTaskId), task}, {std::string(kLabelNodeId), node}}}};
  return out;
}

TEST_F(OutageTest, ContainersThatNoTaskOwnsAreRemoved) {
  Controller& task = Control(TaskOf("t1"));
  Launch(task);
  engine().containers.emplace("orphan", Left("orphan", "gone", "nid"));
  engine().containers.emplace("foreign", Left("foreign", "gone", "other-node"));
  engine().containers.emplace("listed", Left("listed", "t2", "nid"));
  FakeContainer users;
  users.id = users.name = "users";
  engine().containers.emplace("users", std::move(users));
  rig.docker().Retain({"t2"});
  EXPECT_TRUE(rig.Until([&] { return !engine().containers.contains("orphan"); }));
  rig.sim().RunFor(5min);
  EXPECT_EQ(engine().containers.size(), 4u) << "of another node, of a listed task, of a task here "
                                               "that came later, and what is not ours at all";
}

TEST_F(OutageTest, BeforeAManagerHasListedTheTasksNothingIsRemoved) {
  engine().containers.emplace("orphan", Left("orphan", "gone", "nid"));
  rig.sim().RunFor(1h);
  EXPECT_EQ(engine().containers.size(), 1u);
}

TEST_F(OutageTest, TheSweepWaitsForTheEngine) {
  engine().containers.emplace("orphan", Left("orphan", "gone", "nid"));
  Settle();
  engine().GoDown();
  rig.docker().Retain({});
  rig.sim().RunFor(1h);
  engine().ComeBack();
  EXPECT_TRUE(rig.Until([&] { return engine().containers.empty(); }));
}

}  // namespace
}  // namespace swarm::executor_docker
