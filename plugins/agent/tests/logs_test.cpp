// The agent's part in task logs: what a manager asks for is read from the tasks and published.
#include <gmock/gmock.h>

#include "rig.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The manager's side of logs, by hand.
class FakeLogBroker {
 public:
  explicit FakeLogBroker(Rig& rig) : rig_(rig) {
    Add("ListenSubscriptions", MakeServerStreamHandler<pb::ListenSubscriptionsRequest>(
                                   [this](ServerStreamPtr stream, auto) {
                                     listened += 1;
                                     if (refuse) return stream->Finish(*refuse);
                                     listener = std::move(stream);
                                   }));
    Add("PublishLogs", std::make_shared<Publishing>(*this));
  }

  void Ask(pb::SubscriptionMessage message) {
    listener->Send(Payload::Of(std::move(message)), [](bool) {});
    rig_.sim.Settle();
  }
  void ReadOn() {
    reads = true;
    for (auto& stream : publishing) Next(stream);
    rig_.sim.Settle();
  }
  std::vector<std::string> Texts() const {
    std::vector<std::string> out;
    for (const auto& message : published) {
      for (const auto& line : message->messages()) out.push_back(line.data());
    }
    return out;
  }
  // How many streams were closed in order.
  int closed() const {
    int count = 0;
    for (const auto& message : published) count += message->close();
    return count;
  }

  int listened = 0;
  std::optional<Status> refuse;
  bool reads = true;
  ServerStreamPtr listener;
  std::vector<ServerStreamPtr> publishing;
  std::vector<std::shared_ptr<const pb::PublishLogsMessage>> published;

 private:
  class Publishing final : public StreamHandler {
   public:
    explicit Publishing(FakeLogBroker& broker) : broker_(broker) {}
    void Open(ServerStreamPtr stream) noexcept override {
      broker_.publishing.push_back(stream);
      if (broker_.reads) broker_.Next(stream);
    }

   private:
    FakeLogBroker& broker_;
  };
  void Add(const std::string& method, std::shared_ptr<StreamHandler> handler) {
    auto made = rig_.router.Register("/docker.swarmkit.v1.LogBroker/" + method, std::move(handler));
    ASSERT_TRUE(made.ok()) << made.status();
    registrations_.push_back(std::move(*made));
  }
  void Next(const ServerStreamPtr& stream) {
    stream->Read([this, stream](std::optional<Payload> read) {
      if (!read) return stream->Finish(Status::Ok());
      published.push_back(*read->As<pb::PublishLogsMessage>());
      Next(stream);
    });
  }
  Rig& rig_;
  std::vector<std::unique_ptr<Registration>> registrations_;
};

pb::SubscriptionMessage Request(const std::string& id, bool follow) {
  pb::SubscriptionMessage out;
  out.set_id(id);
  out.mutable_selector()->add_service_ids("web");
  out.mutable_options()->set_follow(follow);
  return out;
}

pb::Task WebTask(const std::string& id) {
  pb::Task task = MakeTask(id);
  task.set_service_id("web");
  return task;
}

struct LogRig : Rig {
  LogRig() : broker(*this) {}
  // With one task that runs.
  void StartWithTask() {
    Start();
    Assign({WebTask("t1")});
    ASSERT_EQ(manager.Newest("t1").state(), pb::RUNNING);
  }
  FakeReading& Reading(const std::string& task = "t1") {
    return *executor.tasks.at(task).readings.back();
  }
  FakeLogBroker broker;
};

TEST(AgentLogsTest, PublishesWhatThereIsAndCloses) {
  LogRig rig;
  rig.StartWithTask();
  auto request = Request("s1", false);
  request.mutable_options()->set_tail(-3);
  request.mutable_options()->mutable_since()->set_seconds(7);
  rig.broker.Ask(request);
  FakeReading& reading = rig.Reading();
  EXPECT_FALSE(reading.follow);
  EXPECT_EQ(reading.tail, -3);
  EXPECT_EQ(reading.since, 7'000'000'000);
  reading.Say(8'000'000'001, "one\n");
  reading.Say(9'000'000'002, "two\n", true);
  reading.done(Status::Ok());
  rig.sim.Settle();
  EXPECT_THAT(rig.broker.Texts(), ElementsAre("one\n", "two\n"));
  const auto& line = rig.broker.published.at(0)->messages(0);
  EXPECT_EQ(line.context().task_id(), "t1");
  EXPECT_EQ(line.context().node_id(), "n1");
  EXPECT_EQ(line.context().service_id(), "web");
  EXPECT_EQ(line.timestamp().seconds(), 8);
  EXPECT_EQ(line.timestamp().nanos(), 1);
  EXPECT_EQ(line.stream(), pb::LOG_STREAM_STDOUT);
  const auto& last = *rig.broker.published.back();
  EXPECT_TRUE(last.close());
  EXPECT_EQ(last.subscription_id(), "s1");
  EXPECT_FALSE(*reading.open);
}

TEST(AgentLogsTest, WithNothingToTellItClosesAtOnce) {
  LogRig rig;
  rig.Start();
  rig.Assign({MakeTask("other")});
  rig.broker.Ask(Request("s1", false));
  EXPECT_THAT(rig.broker.Texts(), IsEmpty());
  EXPECT_EQ(rig.broker.closed(), 1);
}

TEST(AgentLogsTest, FollowingTakesInTasksThatComeLater) {
  LogRig rig;
  rig.StartWithTask();
  auto request = Request("s1", true);
  request.mutable_options()->set_tail(-1);
  rig.broker.Ask(request);
  EXPECT_EQ(rig.Reading().tail, -1);
  rig.Reading().Say(1, "old task\n");
  rig.Change(WebTask("t2"));
  EXPECT_TRUE(rig.Reading("t2").follow);
  EXPECT_EQ(rig.Reading("t2").tail, 0) << "all of a task that begins later is new";
  rig.Reading("t2").Say(2, "new task\n");
  rig.sim.Settle();
  EXPECT_THAT(rig.broker.Texts(), ElementsAre("old task\n", "new task\n"));
  EXPECT_EQ(rig.broker.closed(), 0);
}

TEST(AgentLogsTest, ClosingStopsTheReading) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.Ask(Request("s1", true));
  EXPECT_TRUE(*rig.Reading().open);
  auto close = Request("s1", true);
  close.set_close(true);
  rig.broker.Ask(close);
  EXPECT_FALSE(*rig.Reading().open);
  rig.Reading().Say(1, "unheard\n");
  rig.sim.Settle();
  EXPECT_THAT(rig.broker.Texts(), IsEmpty());
}

TEST(AgentLogsTest, LetsGoOfATaskBeforeItGoesAndTellsWhatItHasRead) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.Ask(Request("s1", true));
  rig.Reading().Say(1, "last words\n");
  rig.Change(WebTask("t1"), true);
  EXPECT_TRUE(rig.executor.tasks["t1"].closed);
  EXPECT_FALSE(rig.executor.tasks["t1"].read_when_closed);
  EXPECT_THAT(rig.broker.Texts(), ElementsAre("last words\n"));
}

TEST(AgentLogsTest, StoppingLetsGoToo) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.Ask(Request("s1", true));
  rig.Stop();
  EXPECT_FALSE(rig.executor.tasks["t1"].read_when_closed);
}

TEST(AgentLogsTest, OnlyTheStreamsAskedFor) {
  LogRig rig;
  rig.StartWithTask();
  auto request = Request("s1", true);
  request.mutable_options()->add_streams(pb::LOG_STREAM_STDERR);
  rig.broker.Ask(request);
  rig.Reading().Say(1, "out\n");
  rig.Reading().Say(2, "error\n", true);
  rig.sim.Settle();
  EXPECT_THAT(rig.broker.Texts(), ElementsAre("error\n"));
}

TEST(AgentLogsTest, ASlowManagerPausesTheReading) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.reads = false;
  rig.broker.Ask(Request("s1", true));
  constexpr int kLines = 4000;
  const std::string filling(1000, 'x');
  // As a source does: lines from a point in time on, several with the same.
  const auto give = [&](FakeReading& reading) {
    for (int i = 0; i < kLines; ++i) {
      const std::int64_t time = 1 + i / 3;
      if (time >= reading.since) reading.Say(time, std::to_string(i) + filling);
    }
    rig.sim.Settle();
  };
  const auto& readings = rig.executor.tasks["t1"].readings;
  give(*readings.at(0));
  EXPECT_EQ(readings.size(), 1u) << "nothing is read while nothing is taken";
  rig.broker.ReadOn();
  for (std::size_t i = 1; i < readings.size(); ++i) {
    EXPECT_FALSE(*readings[i - 1]->open);
    EXPECT_EQ(readings[i]->tail, 0);
    give(*readings[i]);
  }
  EXPECT_GE(readings.size(), 4u);
  EXPECT_TRUE(*readings.back()->open);
  const auto got = rig.broker.Texts();
  ASSERT_EQ(got.size(), static_cast<std::size_t>(kLines));
  for (int i = 0; i < kLines; ++i) {
    ASSERT_EQ(got[static_cast<std::size_t>(i)], std::to_string(i) + filling);
  }
}

TEST(AgentLogsTest, ALineOfAnySizeArrives) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.Ask(Request("s1", true));
  std::string huge(5 << 20, 'x');
  huge += '\n';
  rig.Reading().Say(1, huge);
  rig.sim.Settle();
  std::string got;
  for (const auto& message : rig.broker.published) {
    EXPECT_LT(message->ByteSizeLong(), std::size_t{4} << 20);
    for (const auto& line : message->messages()) got += line.data();
  }
  EXPECT_EQ(got, huge);
}

TEST(AgentLogsTest, ASourceThatBreaksOffIsOpenedAgainWhereItWas) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.Ask(Request("s1", true));
  rig.Reading().Say(5, "a\n");
  rig.Reading().Say(5, "b\n");
  rig.Reading().done({Code::kUnavailable, "the engine is restarting"});
  rig.sim.RunFor(3s);
  ASSERT_EQ(rig.executor.tasks["t1"].readings.size(), 2u);
  EXPECT_EQ(rig.Reading().since, 5);
  rig.Reading().Say(5, "a\n");
  rig.Reading().Say(5, "b\n");
  rig.Reading().Say(5, "c\n");
  rig.sim.Settle();
  EXPECT_THAT(rig.broker.Texts(), ElementsAre("a\n", "b\n", "c\n"));
}

TEST(AgentLogsTest, FollowingATaskEndsWithIt) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.Ask(Request("s1", true));
  rig.Reading().Say(5, "a\n");
  rig.executor.tasks["t1"].End(StepResult::Ok());
  rig.sim.Settle();
  rig.Reading().done(Status::Ok());
  rig.sim.RunFor(3s);
  // Once more after the end, for what came last.
  rig.Reading().Say(5, "a\n");
  rig.Reading().Say(6, "b\n");
  rig.Reading().done(Status::Ok());
  const std::size_t readings = rig.executor.tasks["t1"].readings.size();
  rig.sim.RunFor(2min);
  EXPECT_EQ(rig.executor.tasks["t1"].readings.size(), readings);
  EXPECT_THAT(rig.broker.Texts(), ElementsAre("a\n", "b\n"));
}

TEST(AgentLogsTest, ListensAgainWithoutLosingTheSession) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.Ask(Request("s1", true));
  rig.broker.listener->Finish({Code::kUnavailable, "moved"});
  rig.sim.RunFor(1s);
  EXPECT_EQ(rig.broker.listened, 2);
  EXPECT_FALSE(*rig.Reading().open);
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
  rig.broker.Ask(Request("s1", true));
  rig.Reading().Say(1, "again\n");
  rig.sim.Settle();
  EXPECT_THAT(rig.broker.Texts(), ElementsAre("again\n"));
}

TEST(AgentLogsTest, AStreamThatBreaksOffIsAskedForAgain) {
  LogRig rig;
  rig.StartWithTask();
  rig.broker.Ask(Request("s1", true));
  rig.broker.publishing.back()->Finish({Code::kUnavailable, "the leader has gone"});
  rig.sim.RunFor(1s);
  EXPECT_EQ(rig.broker.listened, 2);
  // But not what nobody wants any more.
  rig.broker.Ask(Request("s2", true));
  rig.broker.publishing.back()->Finish({Code::kNotFound, "unknown subscription ID"});
  rig.sim.RunFor(10s);
  EXPECT_EQ(rig.broker.listened, 2);
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
}

TEST(AgentLogsTest, AManagerWithoutLogsIsNotAskedAgain) {
  LogRig rig;
  rig.broker.refuse = Status(Code::kUnimplemented, "unknown service docker.swarmkit.v1.LogBroker");
  rig.Start();
  rig.sim.RunFor(1min);
  EXPECT_EQ(rig.broker.listened, 1);
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
  rig.manager.sessions.back()->Finish({Code::kAborted, "node must disconnect"});
  rig.broker.refuse.reset();
  rig.sim.RunFor(10s);
  EXPECT_EQ(rig.broker.listened, 2) << "the next manager may have them";
}

}  // namespace
}  // namespace swarm::agent
