// Task logs through the real programs: a client at the control socket reads what simulated tasks
// write.
#include <gtest/gtest.h>
#include <signal.h>

#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "rpc/network.h"
#include "support/cluster.h"
#include "swarm/rpc_typed.h"
#include "swarmkit/v1/control.pb.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::test {
namespace {

namespace pb = docker::swarmkit::v1;

// Reads one SubscribeLogs call.
class LogClient {
 public:
  LogClient(Channel& channel, const pb::SubscribeLogsRequest& request)
      : state_(std::make_shared<State>()),
        stream_(channel.Open("/docker.swarmkit.v1.Logs/SubscribeLogs", {})) {
    stream_->Send(Payload::Of(request), [](bool) {});
    stream_->CloseSend();
    Read(stream_, state_);
  }
  ~LogClient() { stream_->Cancel(); }

  std::size_t lines() {
    const std::lock_guard lock(state_->mutex);
    return state_->lines.size();
  }
  std::vector<pb::LogMessage> content() {
    const std::lock_guard lock(state_->mutex);
    return state_->lines;
  }
  std::optional<Status> end() {
    const std::lock_guard lock(state_->mutex);
    return state_->end;
  }

 private:
  struct State {
    std::mutex mutex;  // guards the rest
    std::vector<pb::LogMessage> lines;
    std::optional<Status> end;
  };
  static void Read(const std::shared_ptr<ClientStream>& stream,
                   const std::shared_ptr<State>& state) {
    stream->Read([weak = std::weak_ptr<ClientStream>(stream),
                  state](const Result<std::optional<Payload>>& read) {
      {
        const std::lock_guard lock(state->mutex);
        if (!read.ok() || !*read) {
          state->end = read.status();
          return;
        }
        const auto message = (*read)->As<pb::SubscribeLogsMessage>();
        if (!message.ok()) {
          state->end = message.status();
          return;
        }
        for (const auto& line : (*message)->messages()) state->lines.push_back(line);
      }
      if (auto again = weak.lock()) Read(again, state);
    });
  }

  const std::shared_ptr<State> state_;
  const std::shared_ptr<ClientStream> stream_;
};

class LogsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(manager_.StartWithConfig("plugins:\n  executor: [{use: sim, default: true}]\n"))
        << manager_.log();
    network_ = rpc::MakeNetwork({});
    auto channel = network_->Dial("unix://" + manager_.socket(), {});
    ASSERT_TRUE(channel.ok()) << channel.status();
    channel_ = std::move(*channel);
  }

  std::string Create(const std::string& name, int replicas,
                     const std::map<std::string, std::string>& labels) {
    pb::CreateServiceRequest request;
    auto& spec = *request.mutable_spec();
    spec.mutable_annotations()->set_name(name);
    spec.mutable_replicated()->set_replicas(static_cast<std::uint64_t>(replicas));
    auto& container = *spec.mutable_task()->mutable_container();
    container.set_image("any");
    for (const auto& [key, value] : labels) (*container.mutable_labels())[key] = value;
    std::promise<Result<std::shared_ptr<const pb::CreateServiceResponse>>> answered;
    CallUnary<pb::CreateServiceResponse>(*channel_, "/docker.swarmkit.v1.Control/CreateService", {},
                                         request,
                                         [&](auto reply) { answered.set_value(std::move(reply)); });
    const auto reply = answered.get_future().get();
    EXPECT_TRUE(reply.ok()) << reply.status();
    EXPECT_TRUE(Eventually([&] { return manager_.TasksIn("RUNNING") >= replicas; }))
        << manager_.log();
    return reply.ok() ? (*reply)->service().id() : "";
  }
  static pb::SubscribeLogsRequest OfService(const std::string& id, bool follow) {
    pb::SubscribeLogsRequest request;
    request.mutable_selector()->add_service_ids(id);
    request.mutable_options()->set_follow(follow);
    return request;
  }

  Manager manager_;
  std::unique_ptr<Network> network_;
  std::shared_ptr<Channel> channel_;
};

TEST_F(LogsTest, GivesEverythingWrittenSoFarAndEnds) {
  const std::string id = Create("talker", 3, {{"sim.log-lines", "5000"}});
  LogClient client(*channel_, OfService(id, false));
  ASSERT_TRUE(Eventually([&] { return client.end().has_value(); })) << manager_.log();
  EXPECT_TRUE(client.end()->ok()) << *client.end();
  EXPECT_EQ(client.lines(), 15'000u);
  auto last_two = OfService(id, false);
  last_two.mutable_options()->set_tail(-3);
  LogClient tail(*channel_, last_two);
  ASSERT_TRUE(Eventually([&] { return tail.end().has_value(); }));
  ASSERT_EQ(tail.lines(), 6u);
  EXPECT_EQ(tail.content()[5].data(), "line 5000\n");
  EXPECT_EQ(tail.content()[5].context().service_id(), id);
}

TEST_F(LogsTest, FollowsTasksThatComeLater) {
  const std::string id =
      Create("talker", 1, {{"sim.log-interval", "50ms"}, {"sim.log-stderr", "2"}});
  LogClient client(*channel_, OfService(id, true));
  EXPECT_TRUE(Eventually([&] { return client.lines() >= 10; })) << manager_.log();
  ASSERT_EQ(manager_.Ctl({"service", "update", "talker", "--replicas", "3"}).code, 0);
  EXPECT_TRUE(Eventually([&] {
    std::set<std::string> tasks;
    for (const auto& line : client.content()) tasks.insert(line.context().task_id());
    return tasks.size() >= 3;
  })) << client.lines()
      << " lines\n"
      << manager_.Ctl({"task", "ls", "--all"}).out << manager_.log();
  EXPECT_FALSE(client.end());
  auto errors = OfService(id, false);
  errors.mutable_options()->add_streams(pb::LOG_STREAM_STDERR);
  LogClient stderr_only(*channel_, errors);
  ASSERT_TRUE(Eventually([&] { return stderr_only.end().has_value(); }));
  EXPECT_GT(stderr_only.lines(), 0u);
  for (const auto& line : stderr_only.content()) EXPECT_EQ(line.stream(), pb::LOG_STREAM_STDERR);
}

TEST_F(LogsTest, AStoppingManagerEndsFollowers) {
  const std::string id = Create("talker", 1, {{"sim.log-lines", "1"}});
  LogClient client(*channel_, OfService(id, true));
  ASSERT_TRUE(Eventually([&] { return client.lines() == 1; }));
  manager_.process().Signal(SIGTERM);
  EXPECT_EQ(manager_.process().Wait(), 0) << manager_.log();
  EXPECT_TRUE(Eventually([&] { return client.end().has_value(); }));
}

}  // namespace
}  // namespace swarm::test
