#include "state_machine.h"

#include <gtest/gtest.h>

namespace swarm::agent {
namespace {

constexpr pb::TaskState kStates[] = {
    pb::NEW,     pb::PENDING,  pb::ASSIGNED, pb::ACCEPTED, pb::PREPARING, pb::READY,  pb::STARTING,
    pb::RUNNING, pb::COMPLETE, pb::SHUTDOWN, pb::FAILED,   pb::REJECTED,  pb::REMOVE, pb::ORPHANED};

// "shutdown>640:shutdown", ">256:accepted", "-" for nothing to do.
std::string Show(const Step& step) {
  if (step.nothing) return "-";
  static constexpr const char* kNames[] = {"", "prepare", "start", "wait", "shutdown"};
  return std::string(kNames[static_cast<int>(step.operation)]) + ">" +
         pb::TaskState_Name(step.next) + ":" + step.message;
}

// The protocol's table, cell by cell.
std::string Expected(pb::TaskState s, pb::TaskState d) {
  if (s >= pb::COMPLETE) return "-";
  if (d >= pb::SHUTDOWN) return "shutdown>SHUTDOWN:shutdown";
  if (s > d) return "-";
  switch (s) {
    case pb::NEW:
    case pb::PENDING:
    case pb::ASSIGNED:
      return s == d ? "-" : ">ACCEPTED:accepted";
    case pb::ACCEPTED:
      return s == d ? "-" : ">PREPARING:preparing";
    case pb::PREPARING:
      return "prepare>READY:prepared";
    case pb::READY:
      return s == d ? "-" : ">STARTING:starting";
    case pb::STARTING:
      return "start>RUNNING:started";
    case pb::RUNNING:
      return "wait>COMPLETE:finished";
    default:
      return "?";
  }
}

TEST(StateMachineTest, EveryCellOfTheTable) {
  for (pb::TaskState s : kStates) {
    for (pb::TaskState d : kStates) {
      EXPECT_EQ(Show(NextStep(s, d)), Expected(s, d))
          << pb::TaskState_Name(s) << " wanting " << pb::TaskState_Name(d);
    }
  }
}

pb::TaskStatus StatusIn(pb::TaskState state, const std::string& message,
                        const std::string& err = "") {
  pb::TaskStatus status;
  status.set_state(state);
  status.set_message(message);
  status.set_err(err);
  return status;
}

TEST(StateMachineTest, SuccessMovesOnAndClearsTheError) {
  auto status = StatusIn(pb::PREPARING, "preparing", "earlier");
  Step step = NextStep(pb::PREPARING, pb::RUNNING);
  EXPECT_EQ(ApplyResult(step, StepResult::Ok(), &status), Outcome::kAdvanced);
  EXPECT_EQ(status.state(), pb::READY);
  EXPECT_EQ(status.message(), "prepared");
  EXPECT_EQ(status.err(), "");
}

TEST(StateMachineTest, FailureEndsTheTaskAndKeepsTheMessage) {
  struct Row {
    pb::TaskState from;
    pb::TaskState desired;
    pb::TaskState to;
  };
  const Row rows[] = {
      {pb::PREPARING, pb::RUNNING, pb::REJECTED}, {pb::STARTING, pb::RUNNING, pb::FAILED},
      {pb::RUNNING, pb::RUNNING, pb::FAILED},     {pb::NEW, pb::SHUTDOWN, pb::REJECTED},
      {pb::READY, pb::REMOVE, pb::REJECTED},      {pb::RUNNING, pb::SHUTDOWN, pb::FAILED}};
  for (const Row& row : rows) {
    auto status = StatusIn(row.from, "last");
    auto result = StepResult::Failed({Code::kUnknown, "broken"});
    EXPECT_EQ(ApplyResult(NextStep(row.from, row.desired), result, &status), Outcome::kAdvanced);
    EXPECT_EQ(status.state(), row.to) << pb::TaskState_Name(row.from);
    EXPECT_EQ(status.message(), "last");
    EXPECT_EQ(status.err(), "broken");
  }
}

TEST(StateMachineTest, TemporaryErrorIsShownButChangesNoState) {
  auto status = StatusIn(pb::STARTING, "starting");
  auto result = StepResult::Retry({Code::kUnavailable, "engine away"});
  EXPECT_EQ(ApplyResult(NextStep(pb::STARTING, pb::RUNNING), result, &status), Outcome::kRetry);
  EXPECT_EQ(status.state(), pb::STARTING);
  EXPECT_EQ(status.err(), "engine away");
}

// Pinned by SwarmKit.
TEST(StateMachineTest, CancellationLeavesTheStatusAlone) {
  for (Code code : {Code::kCancelled, Code::kDeadlineExceeded}) {
    auto status = StatusIn(pb::RUNNING, "started");
    EXPECT_EQ(
        ApplyResult(NextStep(pb::RUNNING, pb::RUNNING), StepResult::Failed({code, "x"}), &status),
        Outcome::kCancelled);
    EXPECT_EQ(status.SerializeAsString(), StatusIn(pb::RUNNING, "started").SerializeAsString());
  }
}

// Pinned by SwarmKit: the whole table, also for tasks that have ended.
TEST(StateMachineTest, ResolvingAController) {
  struct Row {
    pb::TaskState from;
    pb::TaskState resolved;
    pb::TaskState unresolved;
  };
  const Row rows[] = {
      {pb::NEW, pb::ACCEPTED, pb::REJECTED},      {pb::ASSIGNED, pb::ACCEPTED, pb::REJECTED},
      {pb::ACCEPTED, pb::ACCEPTED, pb::REJECTED}, {pb::READY, pb::READY, pb::REJECTED},
      {pb::STARTING, pb::STARTING, pb::FAILED},   {pb::RUNNING, pb::RUNNING, pb::FAILED},
      {pb::COMPLETE, pb::COMPLETE, pb::COMPLETE}, {pb::FAILED, pb::FAILED, pb::FAILED},
      {pb::ORPHANED, pb::ORPHANED, pb::ORPHANED}};
  for (const Row& row : rows) {
    auto good = StatusIn(row.from, "m", "e");
    ApplyResolved(&good);
    EXPECT_EQ(good.state(), row.resolved);
    EXPECT_EQ(good.message(), row.from < pb::ACCEPTED ? "accepted" : "m");
    EXPECT_EQ(good.err(), row.from < pb::ACCEPTED ? "" : "e");
    auto bad = StatusIn(row.from, "m");
    ApplyUnresolved({Code::kUnknown, "no"}, &bad);
    EXPECT_EQ(bad.state(), row.unresolved);
    EXPECT_EQ(bad.message(), "resolving controller failed");
    EXPECT_EQ(bad.err(), "no");
  }
}

TEST(StateMachineTest, ObservationKeepsWhatIsNotKnownAnew) {
  auto status = StatusIn(pb::RUNNING, "started");
  pb::ContainerStatus container;
  container.set_container_id("c");
  container.set_pid(7);
  ApplyObservation(StepResult::Ok(), container, std::nullopt, &status);
  EXPECT_EQ(status.container().pid(), 7);
  StepResult exited = StepResult::Failed({Code::kUnknown, "exit"});
  exited.exit_code = 3;
  ApplyObservation(exited, std::nullopt, std::nullopt, &status);
  EXPECT_EQ(status.container().container_id(), "c");
  EXPECT_EQ(status.container().exit_code(), 3);
  auto early = StatusIn(pb::READY, "prepared");
  ApplyObservation(StepResult::Ok(), container, std::nullopt, &early);
  EXPECT_FALSE(early.has_container());
}

// Pinned by SwarmKit.
TEST(StateMachineTest, TimestampsNeverGoBack) {
  using namespace std::chrono_literals;
  auto first = StatusIn(pb::NEW, "");
  auto status = StatusIn(pb::ACCEPTED, "accepted");
  EXPECT_TRUE(StampIfChanged(first, WallTime(100s), &status));
  EXPECT_EQ(status.timestamp().seconds(), 100);
  auto before = status;
  EXPECT_FALSE(StampIfChanged(before, WallTime(200s), &status));
  EXPECT_EQ(status.timestamp().seconds(), 100);
  status.set_state(pb::PREPARING);
  EXPECT_TRUE(StampIfChanged(before, WallTime(50s), &status));
  EXPECT_EQ(status.timestamp().seconds(), 100);
}

}  // namespace
}  // namespace swarm::agent
