// The virtual network: calls arrive late, out of order and sometimes not at all, and every caller
// is told so.
#include "simulation/virtual_network.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "swarm/simulation.h"

namespace swarm {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

// Answers unary calls with the request, or keeps them; echoes streams until the caller closes.
class Echo final : public CallTarget {
 public:
  void Unary(CallContextPtr context, Payload request, UnaryReply reply) noexcept override {
    order.push_back(request.Bytes());
    last = context;
    context->OnCancel([this] { ++cancelled; });
    if (keep) {
      kept.push_back(std::move(reply));
    } else {
      reply(std::move(request));
    }
  }
  void Stream(ServerStreamPtr stream) noexcept override {
    last = stream->context();
    stream->context()->OnCancel([this] { ++cancelled; });
    Next(std::move(stream));
  }
  void Next(ServerStreamPtr stream) {
    auto& raw = *stream;
    raw.Read([this, stream = std::move(stream)](std::optional<Payload> message) mutable {
      if (!message) {
        if (stream->context()->cancelled()) return;
        return stream->Finish(Status());
      }
      order.push_back(message->Bytes());
      auto& out = *stream;
      out.Send(std::move(*message), [](bool) {});
      Next(std::move(stream));
    });
  }

  bool keep = false;
  int cancelled = 0;
  std::vector<std::string> order;
  std::vector<UnaryReply> kept;
  CallContextPtr last;
};

class VirtualNetworkTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    listening_ = network_.Listen(server_, kAddress, echo_).value();
    from_ = network_.Attach(client_, Identity{"node", "org", {"swarm-worker"}});
    channel_ = from_->Dial(kAddress, {}).value();
  }
  std::shared_ptr<PendingCall> Call(std::string text, CallOptions options = {}) {
    return channel_->Call("/s/M", std::move(options), Payload::FromBytes(std::move(text)),
                          [this](Result<Payload> reply) { replies_.push_back(std::move(reply)); });
  }
  bool Replied(std::size_t count, Duration limit = 5s) {
    return simulation_.RunUntil([&] { return replies_.size() >= count; }, limit);
  }
  Code LastCode() const { return replies_.back().status().code(); }

  static constexpr const char* kAddress = "server:4242";
  Simulation simulation_{GetParam()};
  Machine& server_ = simulation_.AddMachine("server");
  Machine& client_ = simulation_.AddMachine("client");
  VirtualNetwork network_{simulation_};
  std::shared_ptr<Echo> echo_ = std::make_shared<Echo>();
  std::unique_ptr<Registration> listening_;
  std::unique_ptr<Network> from_;
  std::shared_ptr<Channel> channel_;
  std::vector<Result<Payload>> replies_;
};

TEST_P(VirtualNetworkTest, CallsAreAnsweredLater) {
  const SteadyTime start = simulation_.Now();
  Call("hello");
  EXPECT_TRUE(replies_.empty());
  ASSERT_TRUE(Replied(1));
  EXPECT_EQ(replies_[0]->Bytes(), "hello");
  EXPECT_GE(simulation_.Now() - start, 200us);
  ASSERT_TRUE(echo_->last->caller());
  EXPECT_EQ(echo_->last->caller()->node_id, "node");
  EXPECT_EQ(echo_->last->method(), "/s/M");
  EXPECT_EQ(echo_->last->listener(), Listener::kRemote);
  EXPECT_EQ(echo_->cancelled, 0);
}

TEST_P(VirtualNetworkTest, CallsOvertakeEachOther) {
  for (int i = 0; i < 100; ++i) Call(std::string(1, static_cast<char>(i)));
  ASSERT_TRUE(Replied(100));
  EXPECT_FALSE(std::is_sorted(echo_->order.begin(), echo_->order.end()));
}

TEST_P(VirtualNetworkTest, AStreamStaysInOrder) {
  auto stream = channel_->Open("/s/M", {});
  for (int i = 0; i < 100; ++i) {
    stream->Send(Payload::FromBytes(std::string(1, static_cast<char>(i))), [](bool) {});
  }
  stream->CloseSend();
  std::vector<std::string> got;
  bool ended = false;
  std::function<void()> next = [&] {
    stream->Read([&](Result<std::optional<Payload>> message) {
      ASSERT_TRUE(message.ok()) << message.status();
      if (!message->has_value()) {
        ended = true;
        return;
      }
      got.push_back((**message).Bytes());
      next();
    });
  };
  next();
  ASSERT_TRUE(simulation_.RunUntil([&] { return ended; }, 5s));
  EXPECT_EQ(got.size(), 100U);
  EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
}

TEST_P(VirtualNetworkTest, NobodyThereIsUnavailable) {
  listening_.reset();
  Call("x");
  ASSERT_TRUE(Replied(1));
  EXPECT_EQ(LastCode(), Code::kUnavailable);
  EXPECT_EQ(from_->Dial("nonsense", {}).status().code(), Code::kInvalidArgument);
}

TEST_P(VirtualNetworkTest, WaitForReadyWaitsForTheListener) {
  listening_.reset();
  Call("x", {.timeout = 10s, .metadata = {}, .wait_for_ready = true});
  EXPECT_FALSE(Replied(1, 1s));
  listening_ = network_.Listen(server_, kAddress, echo_).value();
  ASSERT_TRUE(Replied(1));
  EXPECT_TRUE(replies_[0].ok());
}

TEST_P(VirtualNetworkTest, DeadlineEndsBothSides) {
  echo_->keep = true;
  Call("x", {.timeout = 1s, .metadata = {}, .wait_for_ready = false});
  ASSERT_TRUE(Replied(1));
  EXPECT_EQ(LastCode(), Code::kDeadlineExceeded);
  simulation_.RunFor(100ms);
  EXPECT_TRUE(echo_->last->cancelled());
  EXPECT_EQ(echo_->cancelled, 1);
  echo_->kept.clear();
  simulation_.RunFor(100ms);
  EXPECT_EQ(replies_.size(), 1U);
}

TEST_P(VirtualNetworkTest, CancelReachesTheHandler) {
  echo_->keep = true;
  auto call = Call("x");
  ASSERT_TRUE(simulation_.RunUntil([&] { return !echo_->order.empty(); }, 1s));
  call->Cancel();
  ASSERT_TRUE(Replied(1));
  EXPECT_EQ(LastCode(), Code::kCancelled);
  EXPECT_TRUE(simulation_.RunUntil([&] { return echo_->cancelled == 1; }, 1s));
}

TEST_P(VirtualNetworkTest, AnUnansweredCallIsInternal) {
  echo_->keep = true;
  Call("x");
  ASSERT_TRUE(simulation_.RunUntil([&] { return !echo_->kept.empty(); }, 1s));
  echo_->kept.clear();
  ASSERT_TRUE(Replied(1));
  EXPECT_EQ(LastCode(), Code::kInternal);
}

TEST_P(VirtualNetworkTest, ClosingTheChannelCancels) {
  echo_->keep = true;
  Call("x");
  simulation_.RunFor(100ms);
  channel_.reset();
  ASSERT_TRUE(Replied(1));
  EXPECT_EQ(LastCode(), Code::kCancelled);
}

TEST_P(VirtualNetworkTest, CrashOfTheServerBreaksItsCalls) {
  echo_->keep = true;
  Call("x");
  ASSERT_TRUE(simulation_.RunUntil([&] { return !echo_->kept.empty(); }, 1s));
  server_.Crash();
  ASSERT_TRUE(Replied(1));
  EXPECT_EQ(LastCode(), Code::kUnavailable);
  for (auto& reply : echo_->kept) reply(Payload());
  Call("y");
  ASSERT_TRUE(Replied(2));
  EXPECT_EQ(LastCode(), Code::kUnavailable);
  auto fresh = std::make_shared<Echo>();
  auto again = network_.Listen(server_, kAddress, fresh).value();
  Call("z");
  ASSERT_TRUE(Replied(3));
  EXPECT_EQ(LastCode(), Code::kOk);
}

TEST_P(VirtualNetworkTest, CrashOfTheClientCancelsAndNeverCallsBack) {
  echo_->keep = true;
  Call("x");
  Call("never begun", {.timeout = {}, .metadata = {}, .wait_for_ready = true});
  ASSERT_TRUE(simulation_.RunUntil([&] { return !echo_->kept.empty(); }, 1s));
  client_.Crash();
  simulation_.RunFor(1s);
  EXPECT_TRUE(replies_.empty());
  EXPECT_GE(echo_->cancelled, 1);
  Call("dead");
  simulation_.RunFor(1s);
  EXPECT_TRUE(replies_.empty());
}

TEST_P(VirtualNetworkTest, PartitionStallsThenGoesOnOrBreaks) {
  network_.Partition(server_, client_);
  Call("refused");
  ASSERT_TRUE(Replied(1));
  EXPECT_EQ(LastCode(), Code::kUnavailable);
  network_.HealAll();
  Call("fine");
  ASSERT_TRUE(Replied(2));
  EXPECT_EQ(LastCode(), Code::kOk);
  Call("stalls");
  network_.Partition(server_, client_);
  EXPECT_FALSE(Replied(3, 10s));
  network_.Heal(server_, client_);
  ASSERT_TRUE(Replied(3));
  EXPECT_TRUE(LastCode() == Code::kOk || LastCode() == Code::kUnavailable);
  Call("breaks");
  network_.Partition(server_, client_);
  ASSERT_TRUE(Replied(4, 30s));
}

TEST_P(VirtualNetworkTest, LossBreaksConnections) {
  network_.SetLoss(0.1);
  for (int i = 0; i < 300; ++i) {
    Call("x");
    simulation_.RunFor(5ms);
  }
  ASSERT_TRUE(Replied(300));
  int lost = 0;
  for (const auto& reply : replies_) {
    if (reply.ok()) continue;
    EXPECT_EQ(reply.status().code(), Code::kUnavailable);
    ++lost;
  }
  EXPECT_GT(lost, 5);
  EXPECT_LT(lost, 150);
  EXPECT_GT(network_.counters().broken_connections, 5U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, VirtualNetworkTest, testing::Values(1, 2, 3, 4, 5, 6, 7, 8));

}  // namespace
}  // namespace swarm
