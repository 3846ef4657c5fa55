#include <gmock/gmock.h>

#include "rig.h"

namespace swarm::agent {
namespace {

using testing::ElementsAre;
using Calls = std::vector<std::string>;

std::vector<pb::TaskState> StatesOf(const Rig& rig, const std::string& id) {
  std::vector<pb::TaskState> out;
  for (const auto& [task, status] : rig.manager.reports) {
    if (task == id) out.push_back(status.state());
  }
  return out;
}

TEST(AgentTasksTest, TaskRunsToRunningAndReportsIt) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("t")});
  EXPECT_EQ(rig.executor.tasks["t"].calls, (Calls{"prepare", "start", "wait"}));
  auto status = rig.manager.Newest("t");
  EXPECT_EQ(status.state(), pb::RUNNING);
  EXPECT_EQ(status.message(), "started");
  EXPECT_TRUE(status.has_timestamp());
}

// Pinned by SwarmKit: desired ACCEPTED, READY, RUNNING in turn.
TEST(AgentTasksTest, DesiredStateLeadsStepByStep) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("t", pb::ACCEPTED)});
  EXPECT_EQ(rig.executor.tasks["t"].calls, Calls{});
  EXPECT_EQ(rig.manager.Newest("t").state(), pb::ACCEPTED);
  rig.Change(MakeTask("t", pb::READY));
  EXPECT_EQ(rig.executor.tasks["t"].calls, (Calls{"prepare"}));
  EXPECT_EQ(rig.manager.Newest("t").state(), pb::READY);
  rig.Change(MakeTask("t", pb::RUNNING));
  EXPECT_EQ(rig.executor.tasks["t"].calls, (Calls{"prepare", "start", "wait"}));
  EXPECT_EQ(rig.executor.tasks["t"].updates.size(), 2u);
  rig.Change(MakeTask("t", pb::READY));
  EXPECT_EQ(rig.executor.tasks["t"].calls.size(), 3u) << "the desired state never goes back";
}

TEST(AgentTasksTest, ExitEndsTheTask) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("good"), MakeTask("bad")});
  rig.executor.tasks["good"].End(StepResult::Ok());
  StepResult exit = StepResult::Failed({Code::kUnknown, "task: non-zero exit (3)"});
  exit.exit_code = 3;
  rig.executor.tasks["bad"].End(exit);
  rig.sim.Settle();
  EXPECT_EQ(rig.manager.Newest("good").state(), pb::COMPLETE);
  EXPECT_EQ(rig.manager.Newest("good").message(), "finished");
  auto bad = rig.manager.Newest("bad");
  EXPECT_EQ(bad.state(), pb::FAILED);
  EXPECT_EQ(bad.message(), "started");
  EXPECT_EQ(bad.err(), "task: non-zero exit (3)");
  EXPECT_EQ(bad.container().exit_code(), 3);
  EXPECT_EQ(rig.executor.tasks["bad"].running, "");
}

TEST(AgentTasksTest, ShutdownOfARunningTaskActsAtOnce) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("t")});
  SteadyTime before = rig.sim.Now();
  rig.Change(MakeTask("t", pb::SHUTDOWN));
  EXPECT_EQ(rig.executor.tasks["t"].calls,
            (Calls{"prepare", "start", "wait", "cancel", "shutdown"}));
  EXPECT_EQ(rig.manager.Newest("t").state(), pb::SHUTDOWN);
  EXPECT_EQ(rig.sim.Now(), before);
}

// Pinned by SwarmKit: the already ended are not shut down again.
TEST(AgentTasksTest, ShutdownOfAnEndedTaskDoesNothing) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("t")});
  rig.executor.tasks["t"].End(StepResult::Ok());
  rig.sim.Settle();
  rig.Change(MakeTask("t", pb::SHUTDOWN));
  EXPECT_EQ(rig.executor.tasks["t"].calls, (Calls{"prepare", "start", "wait"}));
  EXPECT_EQ(rig.manager.Newest("t").state(), pb::COMPLETE);
}

TEST(AgentTasksTest, PreparingIsNotCutShortByANewGoal) {
  Rig rig;
  rig.executor.automatic = false;
  rig.Start();
  rig.Assign({MakeTask("t", pb::READY)});
  EXPECT_EQ(rig.executor.tasks["t"].running, "prepare");
  rig.Change(MakeTask("t", pb::RUNNING));
  EXPECT_EQ(rig.executor.tasks["t"].calls, (Calls{"prepare"}));
  rig.executor.tasks["t"].End(StepResult::Ok());
  rig.sim.Settle();
  EXPECT_EQ(rig.executor.tasks["t"].running, "start");
  rig.Change(MakeTask("t", pb::SHUTDOWN));
  EXPECT_EQ(rig.executor.tasks["t"].running, "shutdown") << "but by the end of the task";
}

TEST(AgentTasksTest, TemporaryErrorsAreTriedAgainMoreAndMoreRarely) {
  Rig rig;
  rig.executor.automatic = false;
  rig.Start();
  rig.Assign({MakeTask("t")});
  auto& task = rig.executor.tasks["t"];
  for (auto wait : {1s, 2s, 4s}) {
    ASSERT_EQ(task.running, "prepare");
    task.End(StepResult::Retry({Code::kUnavailable, "engine away"}));
    rig.sim.RunFor(wait - 10ms);
    EXPECT_EQ(task.running, "");
    EXPECT_EQ(rig.manager.Newest("t").state(), pb::PREPARING);
    EXPECT_EQ(rig.manager.Newest("t").err(), "engine away");
    rig.sim.RunFor(20ms);
  }
  ASSERT_EQ(task.running, "prepare");
  task.End(StepResult::Ok());
  rig.sim.Settle();
  EXPECT_EQ(rig.manager.Newest("t").err(), "");
}

TEST(AgentTasksTest, RefusedControllerRejectsAndTheNextUpdateTriesAgain) {
  Rig rig;
  rig.executor.refuse = Status(Code::kInvalidArgument, "no image");
  rig.Start();
  rig.Assign({MakeTask("t")});
  auto status = rig.manager.Newest("t");
  EXPECT_EQ(status.state(), pb::REJECTED);
  EXPECT_EQ(status.message(), "resolving controller failed");
  EXPECT_EQ(status.err(), "no image");
  rig.executor.refuse.reset();
  rig.Change(MakeTask("t", pb::SHUTDOWN));
  EXPECT_EQ(rig.executor.live_controllers, 1);
  EXPECT_EQ(rig.executor.tasks["t"].calls, Calls{}) << "what is rejected never runs";
}

TEST(AgentTasksTest, LabelChoosesTheExecutor) {
  Rig rig;
  rig.Start();
  auto by_service = MakeTask("service");
  (*by_service.mutable_service_annotations()->mutable_labels())["swarm.executor"] = "other";
  auto by_container = MakeTask("container");
  (*by_container.mutable_spec()->mutable_container()->mutable_labels())["swarm.executor"] = "other";
  auto unknown = MakeTask("unknown");
  (*unknown.mutable_service_annotations()->mutable_labels())["swarm.executor"] = "moon";
  rig.Assign({by_service, by_container, unknown, MakeTask("default")});
  EXPECT_TRUE(rig.other.tasks.contains("service"));
  EXPECT_TRUE(rig.other.tasks.contains("container"));
  EXPECT_TRUE(rig.executor.tasks.contains("default"));
  EXPECT_EQ(rig.manager.Newest("unknown").state(), pb::REJECTED);
  EXPECT_EQ(rig.manager.Newest("unknown").err(),
            "this node has no executor \"moon\" (label swarm.executor), only: fake, other");
}

TEST(AgentTasksTest, TemplatesAreExpandedForTheExecutor) {
  Rig rig;
  rig.Start();
  auto task = MakeTask("t");
  task.set_slot(3);
  auto* container = task.mutable_spec()->mutable_container();
  container->set_hostname("{{.Service.Name}}-{{.Task.Slot}}@{{.Node.Hostname}}");
  container->add_env("SLOT={{.Task.Slot}}");
  auto bad = MakeTask("bad");
  bad.mutable_spec()->mutable_container()->add_env("X={{.Nope}}");
  rig.Assign({task, bad});
  const auto& made = rig.executor.tasks["t"].made_from.spec().container();
  EXPECT_EQ(made.hostname(), "web-3@host-of-executor");
  EXPECT_EQ(made.env(0), "SLOT=3");
  EXPECT_EQ(rig.manager.Newest("bad").state(), pb::REJECTED);
  EXPECT_THAT(rig.manager.Newest("bad").err(), testing::StartsWith("expanding env failed: "));
}

// Pinned by SwarmKit: a complete message ends what it does not name; an incremental one only what
// it removes, known or not.
TEST(AgentTasksTest, CompleteReplacesAndIncrementalChanges) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("a"), MakeTask("b"), MakeTask("c")});
  rig.Change(MakeTask("b"), true);
  rig.Change(MakeTask("never"), true);
  EXPECT_THAT(rig.executor.tasks["b"].calls,
              ElementsAre("prepare", "start", "wait", "cancel", "remove"));
  EXPECT_TRUE(rig.executor.tasks["b"].closed);
  EXPECT_EQ(rig.executor.live_controllers, 2);
  rig.Assign({MakeTask("a"), MakeTask("d")});
  EXPECT_EQ(rig.executor.live_controllers, 2);
  EXPECT_FALSE(rig.executor.tasks["a"].closed);
  EXPECT_TRUE(rig.executor.tasks["c"].closed);
  rig.Change(MakeTask("a"));
  EXPECT_EQ(rig.executor.tasks["a"].calls.size(), 3u) << "the same again changes nothing";
}

TEST(AgentTasksTest, TasksOfOtherNodesAreIgnored) {
  Rig rig;
  rig.Start();
  auto task = MakeTask("t");
  task.set_node_id("n2");
  rig.Assign({task});
  EXPECT_EQ(rig.executor.live_controllers, 0);
  EXPECT_TRUE(rig.manager.reports.empty());
}

TEST(AgentTasksTest, SecretsComeBeforeTheTasksThatUseThem) {
  Rig rig;
  rig.Start();
  auto task = MakeTask("t");
  task.mutable_spec()->mutable_container()->add_secrets()->set_secret_id("s");
  auto message = Rig::Complete({task});
  auto* secret = message.add_changes()->mutable_assignment()->mutable_secret();
  secret->set_id("s");
  secret->mutable_spec()->set_data("value");
  rig.manager.Send(message);
  rig.sim.Settle();
  auto found = rig.executor.tasks["t"].dependencies->Secret("s");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)->spec().data(), "value");
}

// Peers of SwarmKit open such streams again and again without end.
TEST(AgentTasksTest, GapInTheAssignmentsOpensAFreshStreamAndAppliesNothing) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("a")});
  rig.sequence = 7;
  rig.Change(MakeTask("b"));
  EXPECT_FALSE(rig.executor.tasks.contains("b"));
  EXPECT_EQ(rig.manager.assignments_opened, 2);
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
  rig.Assign({MakeTask("a"), MakeTask("b")});
  EXPECT_TRUE(rig.executor.tasks.contains("b"));
  rig.Change(MakeTask("c"));
  EXPECT_TRUE(rig.executor.tasks.contains("c"));
  rig.sequence = 9;
  rig.Change(MakeTask("d"));
  rig.sequence = 9;
  rig.Change(MakeTask("d"));
  rig.sim.RunFor(1s);
  EXPECT_EQ(rig.manager.sessions.size(), 2u) << "a manager that cannot count is left";
}

TEST(AgentTasksTest, OlderManagersAreAskedForTasks) {
  Rig rig;
  rig.manager.assignments_error = Status(Code::kUnimplemented, "unknown method");
  rig.Start();
  ASSERT_TRUE(rig.manager.tasks);
  pb::TasksMessage message;
  *message.add_tasks() = MakeTask("a");
  rig.manager.tasks->Send(Payload::Of(message), [](bool) {});
  rig.sim.Settle();
  EXPECT_EQ(rig.manager.Newest("a").state(), pb::RUNNING);
  rig.manager.tasks->Send(Payload::Of(pb::TasksMessage()), [](bool) {});
  rig.sim.Settle();
  EXPECT_TRUE(rig.executor.tasks["a"].closed);
}

TEST(AgentTasksTest, NewSessionHearsOfEveryTask) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("a"), MakeTask("b")});
  rig.manager.reports.clear();
  rig.manager.sessions.back()->Finish({Code::kAborted, "node must disconnect"});
  rig.sim.RunFor(1s);
  EXPECT_EQ(rig.manager.Newest("a").state(), pb::RUNNING);
  EXPECT_EQ(rig.manager.Newest("b").state(), pb::RUNNING);
}

TEST(AgentTasksTest, ReportsGatherWhileACallIsUnderWay) {
  Rig rig;
  rig.Start();
  rig.manager.hold_replies = true;
  std::vector<pb::Task> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back(MakeTask("t" + std::to_string(i)));
  rig.Assign(tasks);
  EXPECT_EQ(rig.manager.calls, 1);
  rig.manager.hold_replies = false;
  rig.manager.held.at(0)(Payload::Of(pb::UpdateTaskStatusResponse()));
  rig.sim.Settle();
  EXPECT_LE(rig.manager.calls, 3);
  for (const auto& task : tasks) EXPECT_EQ(rig.manager.Newest(task.id()).state(), pb::RUNNING);
}

TEST(AgentTasksTest, UnknownTaskIsTakenAsToldAndOtherErrorsEndTheSession) {
  Rig rig;
  rig.Start();
  rig.manager.update_errors["a"] = Status(Code::kNotFound, "task not found");
  rig.Assign({MakeTask("a")});
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
  int calls = rig.manager.calls;
  rig.sim.RunFor(3s);
  EXPECT_EQ(rig.manager.calls, calls) << "and is not told again";
  rig.manager.update_errors["b"] = Status(Code::kAborted, "dispatcher is stopped");
  rig.Change(MakeTask("b"));
  rig.manager.update_errors.clear();
  rig.sim.RunFor(1s);
  EXPECT_EQ(rig.manager.sessions.size(), 2u);
  EXPECT_EQ(rig.manager.Newest("b").state(), pb::RUNNING) << "nothing was lost";
}

TEST(AgentTasksTest, RefusedTaskDoesNotHoldUpTheOthers) {
  Rig rig;
  rig.Start();
  rig.manager.update_errors["bad"] = Status(Code::kPermissionDenied, "not yours");
  rig.Assign({MakeTask("a"), MakeTask("bad"), MakeTask("c")});
  EXPECT_EQ(rig.manager.Newest("a").state(), pb::RUNNING);
  EXPECT_EQ(rig.manager.Newest("c").state(), pb::RUNNING);
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
}

// Pinned by SwarmKit: with failing calls no status is accepted twice, and the last one arrives.
TEST(AgentTasksTest, StatesArriveInOrderOverAnUnreliableManager) {
  Rig rig;
  rig.Start();
  std::vector<pb::Task> tasks;
  for (int i = 0; i < 100; ++i) tasks.push_back(MakeTask("t" + std::to_string(i)));
  rig.Assign(tasks);
  for (int i = 0; i < 20; ++i) {
    std::string id = "t" + std::to_string(i * 5);
    rig.manager.update_errors[id] = Status(Code::kUnavailable, "lost");
    rig.executor.tasks[id].End(StepResult::Ok());
    rig.sim.Settle();
    rig.manager.update_errors.clear();
    rig.sim.RunFor(10s);
    rig.Assign(tasks);
    EXPECT_EQ(rig.manager.Newest(id).state(), pb::COMPLETE);
  }
  for (const auto& task : tasks) {
    auto states = StatesOf(rig, task.id());
    EXPECT_TRUE(std::is_sorted(states.begin(), states.end())) << task.id();
  }
}

TEST(AgentTasksTest, LeavingRemovesEveryTask) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("a"), MakeTask("b")});
  std::optional<Status> left;
  rig.unit->Leave([&](Status status) { left = status; });
  rig.sim.Settle();
  ASSERT_TRUE(left);
  EXPECT_TRUE(left->ok());
  EXPECT_EQ(rig.executor.live_controllers, 0);
  EXPECT_THAT(rig.executor.tasks["a"].calls, testing::Contains("remove"));
  rig.Assign({MakeTask("c")});
  EXPECT_FALSE(rig.executor.tasks.contains("c")) << "a leaving node takes nothing on";
}

TEST(AgentTasksTest, LeavingDoesNotWaitForEver) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("a")});
  rig.executor.automatic = false;
  std::optional<Status> left;
  rig.unit->Leave([&](Status status) { left = status; });
  rig.sim.RunFor(59s);
  EXPECT_FALSE(left);
  rig.sim.RunFor(2s);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->code(), Code::kDeadlineExceeded);
  rig.executor.tasks["a"].End(StepResult::Ok());
  rig.sim.Settle();
}

TEST(AgentTasksTest, FailedRemovalIsTriedAgain) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("a")});
  rig.executor.automatic = false;
  rig.Change(MakeTask("a"), true);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(rig.executor.tasks["a"].running, "remove");
    rig.executor.tasks["a"].End(StepResult::Failed({Code::kUnavailable, "busy"}));
    rig.sim.RunFor(1100ms);
  }
  ASSERT_EQ(rig.executor.tasks["a"].running, "remove");
  rig.executor.tasks["a"].End(StepResult::Ok());
  rig.sim.Settle();
  EXPECT_EQ(rig.executor.live_controllers, 0);
}

TEST(AgentTasksTest, RestartedAgentAdoptsItsTasksWithoutAManager) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("runs"), MakeTask("done"), MakeTask("ready", pb::READY)});
  rig.executor.tasks["done"].End(StepResult::Ok());
  rig.sim.RunFor(3s);
  rig.Stop();
  EXPECT_EQ(rig.executor.live_controllers, 0);
  for (auto& [id, task] : rig.executor.tasks) {
    EXPECT_TRUE(task.closed);
    EXPECT_THAT(task.calls, testing::Not(testing::Contains("remove")));
    task.calls.clear();
  }
  rig.manager.mute = true;
  rig.Start();
  EXPECT_EQ(rig.executor.tasks["runs"].calls, (Calls{"wait"}));
  EXPECT_EQ(rig.executor.tasks["done"].calls, Calls{});
  EXPECT_EQ(rig.executor.tasks["ready"].calls, Calls{});
  EXPECT_FALSE(rig.executor.configured.empty());

  // What runs here knows better than the manager, which was not told.
  rig.manager.mute = false;
  rig.manager.reports.clear();
  rig.sim.RunFor(10s);
  EXPECT_EQ(rig.manager.Newest("done").state(), pb::COMPLETE);
  rig.Assign({MakeTask("runs"), MakeTask("done")});
  EXPECT_EQ(rig.executor.tasks["runs"].calls, (Calls{"wait"}));
  EXPECT_TRUE(rig.executor.tasks["ready"].closed) << "no longer assigned";
}

TEST(AgentTasksTest, RemovalThatARestartInterruptedIsFinished) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("a")});
  rig.executor.automatic = false;
  rig.Change(MakeTask("a"), true);
  rig.sim.RunFor(1s);
  EXPECT_EQ(rig.executor.tasks["a"].running, "remove");
  rig.machine.Crash();
  rig.unit.reset();
  rig.executor.automatic = true;
  rig.executor.tasks["a"].calls.clear();
  rig.Start();
  EXPECT_THAT(rig.executor.tasks["a"].calls, testing::Contains("remove"));
}

TEST(AgentTasksTest, CrashedNodeAdoptsItsTasks) {
  Rig rig;
  rig.Start();
  rig.Assign({MakeTask("a"), MakeTask("b")});
  rig.sim.RunFor(2s);
  rig.machine.Crash();
  rig.unit.reset();
  for (auto& [id, task] : rig.executor.tasks) task.calls.clear();
  rig.Start();
  EXPECT_EQ(rig.executor.tasks["a"].calls, (Calls{"wait"}));
  EXPECT_EQ(rig.executor.tasks["b"].calls, (Calls{"wait"}));
}

TEST(AgentTasksTest, WithoutAFolderNothingIsKept) {
  Rig rig;
  rig.parameters.state_dir.clear();
  rig.Start();
  rig.Assign({MakeTask("a")});
  EXPECT_EQ(rig.manager.Newest("a").state(), pb::RUNNING);
  rig.Stop();
  rig.manager.mute = true;
  rig.executor.tasks.clear();
  rig.Start();
  EXPECT_TRUE(rig.executor.tasks.empty());
}

TEST(AgentTasksTest, ACompleteListTellsExecutorsWhatToKeep) {
  Rig rig;
  rig.Start();
  EXPECT_TRUE(rig.executor.retained.empty()) << "nothing is known yet";
  rig.Assign({MakeTask("a"), MakeTask("b")});
  rig.Change(MakeTask("c"));
  ASSERT_EQ(rig.executor.retained.size(), 1u) << "an incremental message lists nothing";
  EXPECT_THAT(rig.executor.retained[0], testing::UnorderedElementsAre("a", "b"));
}

TEST(AgentTasksTest, OperationsOfATaskNeverOverlap) {
  Rig rig;
  rig.executor.automatic = false;
  rig.Start();
  rig.Assign({MakeTask("t")});
  auto& task = rig.executor.tasks["t"];
  for (int i = 0; i < 200; ++i) {
    switch (rig.sim.random().Below(4)) {
      case 0:
        if (task.done) task.End(StepResult::Ok());
        break;
      case 1:
        if (task.done) task.End(StepResult::Retry({Code::kUnavailable, "x"}));
        break;
      case 2: {
        auto changed = MakeTask("t", i < 150 ? pb::RUNNING : pb::SHUTDOWN);
        changed.mutable_spec()->set_force_update(static_cast<std::uint64_t>(i));
        rig.Change(changed);
        break;
      }
      default:
        rig.sim.RunFor(500ms);
    }
    rig.sim.Settle();
  }
  EXPECT_FALSE(task.overlapped);
  rig.executor.automatic = true;
}

}  // namespace
}  // namespace swarm::agent
