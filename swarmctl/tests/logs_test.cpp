// Logs as they are asked for and shown.
#include "logs.h"

#include "fake_manager.h"
#include "objects.h"

namespace swarm::ctl {
namespace {

class LogsTest : public CommandTest {
 protected:
  void SetUp() override {
    Answer("GetService", Make<pb::GetServiceResponse>(
                             R"(service { id: "s" spec { annotations { name: "web" } } })"));
    Answer("GetTask", Make<pb::GetTaskResponse>(R"(task { id: "t" service_id: "s" slot: 1 })"));
    Answer("GetNode",
           Make<pb::GetNodeResponse>(R"(node { id: "n" description { hostname: "vm" } })"));
    manager_->stream.push_back(Payload::Of(Make<pb::SubscribeLogsMessage>(R"(
      messages { context { service_id: "s" node_id: "n" task_id: "t" } stream: LOG_STREAM_STDOUT
                 timestamp { seconds: 1600000000 nanos: 500000000 } data: "hi\n"
                 attrs { key: "a" value: "1" } attrs { key: "b" value: "2" } }
      messages { context { service_id: "s" node_id: "n" task_id: "t" } stream: LOG_STREAM_STDERR
                 data: "oh\n" })")));
  }
};

TEST_F(LogsTest, ShowsWhoWroteOnWhichStream) {
  const Outcome outcome = Run({"service", "logs", "web"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "web.1@vm\u276f hi\n");
  EXPECT_EQ(outcome.err, "web.1@vm\u276f oh\n");
  EXPECT_EQ(Run({"-n", "svc", "log", "web"}).out, "t@n\u276f hi\n");
  EXPECT_EQ(Run({"task", "logs", "t"}).out, "web.1@vm\u276f hi\n");
}

TEST_F(LogsTest, ShowsTimesAndDetailsOrTheTextAlone) {
  EXPECT_EQ(Run({"service", "logs", "web", "-t", "--details"}).out,
            "2020-09-13T12:26:40.5Z web.1@vm\u276f a=1,b=2 hi\n");
  EXPECT_EQ(Run({"service", "logs", "web", "--raw"}).out, "hi\n");
}

TEST_F(LogsTest, SaysWhyTheStreamEnded) {
  manager_->stream_end = Status(Code::kUnknown, "node gone");
  EXPECT_EQ(Run({"service", "logs", "web"}).exit_code, 255);
  EXPECT_TRUE(Run({"service", "logs", "web"})
                  .err.ends_with("Error: failed receiving stream message: node gone\n"));
  manager_->stream.clear();
  EXPECT_EQ(Run({"service", "logs", "web"}).err, "Error: failed to subscribe to logs: node gone\n");
  manager_->stream_end = Status::Ok();
  EXPECT_EQ(Run({"service", "logs", "web"}).exit_code, 0) << "no tasks, no output";
  EXPECT_TRUE(Run({"service", "logs"}).err.starts_with("Error: missing service IDs\n"));
}

TEST(LogOptionsTest, CountsTheTailAsTheProtocolDoes) {
  EXPECT_EQ(*ParseTail("all"), 0);
  EXPECT_EQ(*ParseTail("0"), -1);
  EXPECT_EQ(*ParseTail("10"), -11);
  EXPECT_EQ(ParseTail("x").status().message(), "--tail must be a number of lines, or all: x");
}

TEST(LogOptionsTest, ReadsTimesAndDistances) {
  const WallTime now(std::chrono::seconds(1000));
  EXPECT_EQ(ParseSince("10m", now)->seconds(), 400);
  EXPECT_EQ(ParseSince("77", now)->seconds(), 77);
  EXPECT_EQ(ParseSince("2020-09-13T12:26:40Z", now)->seconds(), 1'600'000'000);
  EXPECT_FALSE(ParseSince("yesterday", now).ok());
}

}  // namespace
}  // namespace swarm::ctl
