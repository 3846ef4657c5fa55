// When a service is as asked for, when it never will be, and what is shown meanwhile.
#include "convergence.h"

#include "display.h"
#include "fake_manager.h"
#include "objects.h"

namespace swarm::ctl {
namespace {

Observation Seen(const std::string& service, const std::vector<std::string>& tasks) {
  Observation out;
  out.service = Make<pb::Service>(service);
  for (const std::string& text : tasks) {
    out.tasks.push_back(Make<pb::Task>(text));
    out.up_to_date.insert(out.tasks.back().id());
  }
  return out;
}

constexpr const char* kTwo = R"(id: "s" spec { annotations { name: "web" }
                                               replicated { replicas: 2 } })";
constexpr const char* kFirstRuns =
    R"(id: "1" slot: 1 node_id: "n" desired_state: RUNNING status { state: RUNNING })";
constexpr const char* kSecondRuns =
    R"(id: "2" slot: 2 node_id: "n" desired_state: RUNNING status { state: RUNNING })";
constexpr const char* kSecondStarts =
    R"(id: "2" slot: 2 node_id: "n" desired_state: RUNNING status { state: STARTING })";

Progress Once(const Observation& seen, Aim aim = Aim::kSpec) {
  return Judge(aim, 5, true).Assess(seen);
}

TEST(ConvergenceTest, CountsWhatRuns) {
  const Progress some = Once(Seen(kTwo, {kFirstRuns, kSecondStarts}));
  EXPECT_EQ(ProgressText(some), "1/2 running, 1 starting");
  EXPECT_FALSE(some.reached);
  EXPECT_TRUE(Once(Seen(kTwo, {kFirstRuns, kSecondRuns})).reached);
  EXPECT_EQ(ProgressText(Once(Seen(kTwo, {}))), "0/2 running, 2 to be created");
}

TEST(ConvergenceTest, OutdatedAndStoppingTasksAreLeft) {
  Observation seen = Seen(kTwo, {kFirstRuns, kSecondRuns,
                                 R"(id: "old" slot: 1 node_id: "n" desired_state: SHUTDOWN
                                    status { state: RUNNING })"});
  EXPECT_EQ(ProgressText(Once(seen)), "2/2 running, 1 to be stopped");
  EXPECT_FALSE(Once(seen).reached);
  seen.down_nodes.insert("n");
  EXPECT_TRUE(Once(seen).reached) << "what a node that is down reports is old";
  seen.down_nodes.clear();
  seen.tasks.pop_back();
  seen.up_to_date.erase("2");
  EXPECT_EQ(ProgressText(Once(seen)), "1/2 running, 1 to be stopped");
}

TEST(ConvergenceTest, AnUpdateDecidesItself) {
  const auto with = [](const std::string& update) {
    return Seen(std::string(kTwo) + " update_status { " + update + " }", {kFirstRuns, kSecondRuns});
  };
  EXPECT_FALSE(Once(with("state: UPDATING")).reached);
  EXPECT_TRUE(Once(with("state: COMPLETED")).sure);
  EXPECT_EQ(Once(with("state: PAUSED message: \"task 2 failed\"")).failed,
            "the update is paused: task 2 failed");
  EXPECT_EQ(Once(with("state: ROLLBACK_COMPLETED message: \"m\"")).failed,
            "the service was rolled back: m");
  EXPECT_EQ(Once(with("state: ROLLBACK_COMPLETED message: \"m\""), Aim::kRollback).failed, "");
  EXPECT_EQ(Once(with("state: ROLLBACK_PAUSED"), Aim::kRollback).failed, "the rollback is paused");
}

TEST(ConvergenceTest, ATaskThatKeepsFailingEndsTheHope) {
  Judge judge(Aim::kSpec, 3, true);
  Progress progress;
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(progress.failed, "");
    progress = judge.Assess(Seen(
        kTwo, {kFirstRuns, "id: \"f" + std::to_string(i) +
                               R"pb(" slot: 2 node_id: " n " desired_state: SHUTDOWN
                                    status { state: FAILED err: "task: non-zero exit (1)" })pb"}));
  }
  EXPECT_EQ(progress.failed, "web.2 failed 3 times: task: non-zero exit (1)");
}

TEST(ConvergenceTest, WhatFailedBeforeAnUpdateDoesNotCount) {
  const auto seen = Seen(kTwo, {R"(id: "f" slot: 2 node_id: "n" desired_state: SHUTDOWN
                                   status { state: FAILED err: "x" })",
                                kFirstRuns, kSecondStarts});
  EXPECT_EQ(Judge(Aim::kSpec, 1, false).Assess(seen).failed, "");
  EXPECT_EQ(Judge(Aim::kSpec, 1, true).Assess(seen).failed, "web.2 failed 1 times: x");
}

TEST(ConvergenceTest, SaysWhyATaskIsNotStartedAgain) {
  const auto progress =
      Once(Seen(kTwo, {kFirstRuns, R"(id: "f" slot: 2 node_id: "n" desired_state: SHUTDOWN
                                      status { state: COMPLETE message: "finished" })"}));
  EXPECT_EQ(progress.stuck, "web.2: finished (its restart policy does not start it again)");
}

TEST(ConvergenceTest, TellsWhatTroublesATask) {
  const auto progress =
      Once(Seen(kTwo, {kFirstRuns, R"pb(id: "p"
                                        slot: 2
                                        desired_state: RUNNING
                                        status {
                                          state: PENDING
                                          err: "no suitable node (insufficient resources on 1 node)"
                                        })pb"}));
  ASSERT_EQ(progress.troubles.size(), 1U);
  EXPECT_EQ(progress.troubles[0], "web.2: no suitable node (insufficient resources on 1 node)");
}

TEST(ConvergenceTest, JobsComplete) {
  const char* job = R"(id: "s" spec { annotations { name: "j" }
                       replicated_job { total_completions: 2 max_concurrent: 1 } }
                       job_status { job_iteration { index: 1 } })";
  const char* done = R"(id: "a" slot: 0 node_id: "n" job_iteration { index: 1 }
                        desired_state: COMPLETE status { state: COMPLETE })";
  const char* before = R"(id: "b" slot: 1 node_id: "n" job_iteration {}
                          desired_state: COMPLETE status { state: COMPLETE })";
  EXPECT_EQ(ProgressText(Once(Seen(job, {done, before}))), "1/2 completed, 1 to be created");
  const char* last = R"(id: "c" slot: 1 node_id: "n" job_iteration { index: 1 }
                        desired_state: COMPLETE status { state: COMPLETE })";
  EXPECT_TRUE(Once(Seen(job, {done, before, last})).reached);
}

TEST(ConvergenceTest, GlobalServicesWantWhatTheyHave) {
  const char* global = R"(id: "s" spec { annotations { name: "g" } global {} })";
  const char* here = R"(id: "1" node_id: "n1" desired_state: RUNNING status { state: RUNNING })";
  const char* there = R"(id: "2" node_id: "n2" desired_state: RUNNING status { state: READY })";
  EXPECT_EQ(ProgressText(Once(Seen(global, {here, there}))), "1/2 running, 1 ready");
  EXPECT_TRUE(Once(Seen(global, {here})).reached);
}

TEST(DisplayTest, DrawsABlockAgainInPlace) {
  Display display("web", 60);
  EXPECT_EQ(display.Show(Once(Seen(kTwo, {kFirstRuns, kSecondStarts}))),
            "\r\x1b[Kweb: 1/2 running, 1 starting\n"
            "\r\x1b[K  running     [###############...............] 1\n"
            "\r\x1b[K  starting    [###############...............] 1\n");
  EXPECT_EQ(display.Show(Once(Seen(kTwo, {kFirstRuns, kSecondRuns}))),
            "\x1b[3A\r\x1b[Kweb: 2/2 running\n"
            "\r\x1b[K  running     [##############################] 2\n"
            "\x1b[J");
  EXPECT_EQ(display.Show(Once(Seen(kTwo, {kFirstRuns, kSecondRuns}))), "") << "as it is shown";
}

TEST(DisplayTest, LinesFitTheTerminalAndCannotControlIt) {
  Display display("web", 20);
  EXPECT_EQ(display.Note("\x1b[2J and a line that is far too long"),
            "\r\x1b[Kweb:  [2J and a lin\n");
}

TEST(DisplayTest, ElsewhereEachChangeIsALine) {
  Display display("web", 0);
  const Progress progress = Once(Seen(kTwo, {kFirstRuns, kSecondStarts}));
  EXPECT_EQ(display.Show(progress), "web: 1/2 running, 1 starting\n");
  EXPECT_EQ(display.Show(progress), "");
}

// Commands with --wait against a manager whose service goes on while they look.
class WaitTest : public CommandTest {
 protected:
  void SetUp() override {
    pb::CreateServiceResponse created;
    *created.mutable_service() = Make<pb::Service>(kTwo);
    Answer("CreateService", created);
    manager_->answers["GetService"] = [this](const Payload&) -> Result<Payload> {
      if (looks_.empty()) return Status(Code::kNotFound, "service s not found");
      pb::GetServiceResponse out;
      *out.mutable_service() = looks_.front().service;
      return Payload::Of(out);
    };
    manager_->answers["ListTasks"] = [this](const Payload&) -> Result<Payload> {
      pb::ListTasksResponse out;
      for (const pb::Task& task : looks_.front().tasks) *out.add_tasks() = task;
      return Payload::Of(out);
    };
    Answer("ListNodes", pb::ListNodesResponse());
    paused_ = [this] {
      if (looks_.size() > 1) looks_.pop_front();
      return true;
    };
  }
  Outcome Create(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"service", "create", "--name", "web", "--image", "i", "--wait"});
    return Run(flags);
  }
  std::deque<Observation> looks_;  // what the manager tells, one after the other
};

TEST_F(WaitTest, EndsOnceEverythingRunsAndGoesOnRunning) {
  looks_ = {Seen(kTwo, {}), Seen(kTwo, {kFirstRuns, kSecondStarts}),
            Seen(kTwo, {kFirstRuns, kSecondRuns})};
  const Outcome outcome = Create({});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "s\n") << "scripts read the id";
  EXPECT_EQ(outcome.err,
            "web: 0/2 running, 2 to be created\nweb: 1/2 running, 1 starting\nweb: 2/2 running\n"
            "web: converged\n");
  EXPECT_GE(steady_.time_since_epoch(), std::chrono::seconds(2));
}

TEST_F(WaitTest, FailsWithTheErrorOfTheTask) {
  for (int i = 0; i < 9; ++i) {
    looks_.push_back(Seen(kTwo, {kFirstRuns,
                                 "id: \"f" + std::to_string(i) +
                                     R"(" slot: 2 node_id: "n" desired_state: SHUTDOWN
                                    status { state: REJECTED err: "No such image: i" })",
                                 R"(id: "next" slot: 2 desired_state: READY meta { created_at {
                                    seconds: 9 } } status { state: READY })"}));
  }
  const Outcome outcome = Create({"--max-failures", "4"});
  EXPECT_EQ(outcome.exit_code, 255);
  EXPECT_TRUE(outcome.err.ends_with(
      "Error: service web does not converge: web.2 failed 4 times: No such image: i\n"))
      << outcome.err;
  EXPECT_NE(outcome.err.find("(web.2: No such image: i)"), std::string::npos) << outcome.err;
}

TEST_F(WaitTest, GivesUpWhenTheTimeIsOver) {
  looks_ = {Seen(kTwo, {kFirstRuns, R"(id: "p" slot: 2 desired_state: RUNNING
                                      status { state: PENDING err: "no suitable node" })"})};
  const Outcome outcome = Create({"--timeout", "30s"});
  EXPECT_EQ(outcome.exit_code, 255);
  EXPECT_TRUE(
      outcome.err.ends_with("Error: service web is not there yet: 1/2 running, 1 pending; "
                            "web.2: no suitable node\n"
                            "gave up after 30s, as --timeout says\n"))
      << outcome.err;
  EXPECT_EQ(steady_.time_since_epoch(), std::chrono::seconds(30));
}

TEST_F(WaitTest, LeavesTheServiceAloneWhenInterrupted) {
  looks_ = {Seen(kTwo, {kFirstRuns, kSecondStarts})};
  paused_ = [] { return false; };
  EXPECT_TRUE(Create({}).err.ends_with(
      "Error: no longer waiting for service web, which goes on by itself: 1/2 running, 1 "
      "starting\n"));
}

TEST_F(WaitTest, NoticesThatTheServiceIsGone) {
  looks_ = {Seen(kTwo, {})};
  paused_ = [this] {
    looks_.clear();
    return true;
  };
  EXPECT_TRUE(Create({}).err.ends_with("Error: service web was removed while it was waited for\n"));
}

TEST_F(WaitTest, StandsAManagerThatIsAwayForAWhile) {
  looks_ = {Seen(kTwo, {kFirstRuns, kSecondRuns})};
  const auto answer = manager_->answers["GetService"];
  int calls = 0;
  manager_->answers["GetService"] = [&calls, answer](const Payload& request) -> Result<Payload> {
    if (++calls < 5) return Status(Code::kUnavailable, "no leader");
    return answer(request);
  };
  const Outcome outcome = Create({});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(outcome.err.starts_with("web: waiting for a manager to answer\nweb: 2/2 running\n"));
  manager_->answers["GetService"] = [](const Payload&) -> Result<Payload> {
    return Status(Code::kUnavailable, "no leader");
  };
  EXPECT_NE(Create({}).err.find("Error: no leader"), std::string::npos);
}

TEST_F(WaitTest, RemovalWaitsUntilNothingRuns) {
  Answer("RemoveService", pb::RemoveServiceResponse());
  looks_ = {Seen(kTwo, {kFirstRuns, kSecondRuns}), Seen(kTwo, {kFirstRuns}), Seen(kTwo, {})};
  const Outcome outcome = Run({"service", "rm", "web", "--wait"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "web\n");
  EXPECT_EQ(outcome.err,
            "web: 2 to be stopped\nweb: 1 to be stopped\nweb: nothing left to stop\n"
            "web: removed\n");
}

}  // namespace
}  // namespace swarm::ctl
