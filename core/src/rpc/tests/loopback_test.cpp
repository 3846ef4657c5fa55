#include "rpc/loopback.h"

#include <gtest/gtest.h>

#include <vector>

#include "rpc/router.h"
#include "swarm/rpc_typed.h"
#include "swarm/simulation.h"
#include "swarmkit/v1/control.pb.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::rpc {
namespace {

using std::chrono_literals::operator""s;
namespace pb = ::docker::swarmkit::v1;

const char kGetNode[] = "/docker.swarmkit.v1.Control/GetNode";
const char kSession[] = "/docker.swarmkit.v1.Dispatcher/Session";

class KeepStream final : public StreamHandler {
 public:
  void Open(ServerStreamPtr opened) noexcept override { stream = std::move(opened); }
  ServerStreamPtr stream;
};

class LoopbackTest : public testing::Test {
 protected:
  LoopbackTest()
      : machine_(simulation_.AddMachine("m1")),
        loopback_(std::make_unique<Loopback>(machine_.runtime(), router_)),
        channel_(loopback_->NewChannel({})) {
    router_.SetSelf({"self", "cluster", {"swarm-manager"}});
  }

  template <class Fn>
  void Serve(Fn fn) {
    auto registration = router_.Register(kGetNode, MakeUnaryHandler<pb::GetNodeRequest>(fn));
    ASSERT_TRUE(registration.ok()) << registration.status();
    registrations_.push_back(std::move(*registration));
  }
  // Opens a stream and waits for its handler to have it.
  std::shared_ptr<ClientStream> OpenSession(CallOptions options = {}) {
    auto handler = std::make_shared<KeepStream>();
    auto registration = router_.Register(kSession, handler);
    EXPECT_TRUE(registration.ok()) << registration.status();
    registrations_.push_back(std::move(*registration));
    auto client = channel_->Open(kSession, std::move(options));
    simulation_.Settle();
    server_ = std::move(handler->stream);
    EXPECT_NE(server_, nullptr);
    return client;
  }
  std::shared_ptr<PendingCall> Call(CallOptions options = {}) {
    return channel_->Call(kGetNode, std::move(options), Payload(),
                          [this](Result<Payload> result) { result_ = std::move(result); });
  }
  void ReadInto(ClientStream& client, std::optional<Result<std::optional<Payload>>>* into) {
    client.Read([into](Result<std::optional<Payload>> read) { *into = std::move(read); });
  }

  Simulation simulation_{1};
  Machine& machine_;
  RouterImpl router_;
  std::vector<std::unique_ptr<Registration>> registrations_;
  std::unique_ptr<Loopback> loopback_;
  std::shared_ptr<Channel> channel_;
  std::optional<Result<Payload>> result_;
  ServerStreamPtr server_;
};

TEST_F(LoopbackTest, AMessageArrivesAsTheSameObject) {
  const void* sent = nullptr;
  const void* received = nullptr;
  Serve([&](CallContextPtr context, std::shared_ptr<const pb::GetNodeRequest> request,
            UnaryReply reply) {
    EXPECT_EQ(context->caller()->node_id, "self");
    EXPECT_EQ(context->remote_address(), "@");
    received = request.get();
    reply(Payload::Of(pb::GetNodeResponse()));
  });
  auto request = std::make_shared<const pb::GetNodeRequest>();
  sent = request.get();
  channel_->Call(kGetNode, {}, Payload::FromMessage(request),
                 [this](Result<Payload> result) { result_ = std::move(result); });
  EXPECT_EQ(received, nullptr) << "a handler never runs inside of the call";
  simulation_.Settle();
  EXPECT_EQ(received, sent);
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->ok());
}

TEST_F(LoopbackTest, ErrorsArriveUnchanged) {
  Serve([](CallContextPtr, auto, UnaryReply reply) { reply(Status(Code::kNotFound, "no node")); });
  Call();
  simulation_.Settle();
  EXPECT_EQ(result_->status(), Status(Code::kNotFound, "no node"));
}

TEST_F(LoopbackTest, ADroppedReplyAnswersInternal) {
  Serve([](CallContextPtr, auto, UnaryReply) {});
  Call();
  simulation_.Settle();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), Code::kInternal);
}

TEST_F(LoopbackTest, TheDeadlineEndsACallNobodyAnswers) {
  UnaryReply kept;
  bool told = false;
  Serve([&](CallContextPtr context, auto, UnaryReply reply) {
    EXPECT_TRUE(context->deadline().has_value());
    context->OnCancel([&told] { told = true; });
    kept = std::move(reply);
  });
  CallOptions options;
  options.timeout = 5s;
  Call(std::move(options));
  simulation_.RunFor(4s);
  EXPECT_FALSE(result_.has_value());
  simulation_.RunFor(2s);
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(told);
  kept(Payload());  // too late, harmless
}

TEST_F(LoopbackTest, CancelTellsTheHandler) {
  UnaryReply kept;
  bool told = false;
  Serve([&](CallContextPtr context, auto, UnaryReply reply) {
    context->OnCancel([&told] { told = true; });
    kept = std::move(reply);
  });
  auto call = Call();
  simulation_.Settle();
  call->Cancel();
  simulation_.Settle();
  EXPECT_EQ(result_->status().code(), Code::kCancelled);
  EXPECT_TRUE(told);
}

TEST_F(LoopbackTest, DroppingAPendingCallDoesNotCancelIt) {
  Serve([](CallContextPtr, auto, UnaryReply reply) { reply(Payload()); });
  Call().reset();
  simulation_.Settle();
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->ok());
}

TEST_F(LoopbackTest, DestroyingTheChannelCancelsWhatIsUnderWay) {
  UnaryReply kept;
  Serve([&](CallContextPtr, auto, UnaryReply reply) { kept = std::move(reply); });
  Call();
  simulation_.Settle();
  channel_.reset();
  simulation_.Settle();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), Code::kCancelled);
}

TEST_F(LoopbackTest, DestroyingTheLoopbackAnswersEverythingBeforeItReturns) {
  UnaryReply kept;
  Serve([&](CallContextPtr, auto, UnaryReply reply) { kept = std::move(reply); });
  Call();
  simulation_.Settle();
  loopback_.reset();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), Code::kCancelled);
  result_.reset();
  Call();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), Code::kUnavailable);
}

TEST_F(LoopbackTest, StreamsDeliverBothWaysInOrderAndEndWithTheirStatus) {
  auto client = OpenSession();
  std::vector<std::string> got;
  client->Send(Payload::FromBytes("q"), [](bool sent) { EXPECT_TRUE(sent); });
  client->CloseSend();
  server_->Read([&](std::optional<Payload> read) { got.push_back(read->Bytes()); });
  simulation_.Settle();
  server_->Read([&](std::optional<Payload> read) { got.push_back(read ? "?" : "end"); });
  server_->Send(Payload::FromBytes("a"), [&](bool sent) { got.push_back(sent ? "sent" : "lost"); });
  server_->Send(Payload::FromBytes("b"), [&](bool sent) { got.push_back(sent ? "sent" : "lost"); });
  server_->Finish({Code::kAborted, "enough"});
  simulation_.Settle();
  EXPECT_EQ(got, (std::vector<std::string>{"q", "end"})) << "nothing is sent before it is read";
  std::optional<Result<std::optional<Payload>>> read;
  for (const char* expected : {"a", "b"}) {
    ReadInto(*client, &read);
    simulation_.Settle();
    EXPECT_EQ((*read)->value().Bytes(), expected);
  }
  ReadInto(*client, &read);
  simulation_.Settle();
  EXPECT_EQ(read->status(), Status(Code::kAborted, "enough"));
  EXPECT_EQ(got, (std::vector<std::string>{"q", "end", "sent", "sent"}));
}

TEST_F(LoopbackTest, SendingOnAFinishedStreamSaysSo) {
  auto client = OpenSession();
  server_->Finish(Status::Ok());
  std::optional<bool> from_client, from_server;
  client->Send(Payload(), [&](bool sent) { from_client = sent; });
  server_->Send(Payload(), [&](bool sent) { from_server = sent; });
  std::optional<Result<std::optional<Payload>>> read;
  ReadInto(*client, &read);
  simulation_.Settle();
  EXPECT_EQ(from_client, false);
  EXPECT_EQ(from_server, false);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->ok() && !(*read)->has_value());
}

TEST_F(LoopbackTest, DroppingTheClientEndCancelsTheHandler) {
  auto client = OpenSession();
  bool told = false;
  bool ended = false;
  server_->context()->OnCancel([&told] { told = true; });
  server_->Read([&ended](std::optional<Payload> read) { ended = !read; });
  client.reset();
  simulation_.Settle();
  EXPECT_TRUE(told);
  EXPECT_TRUE(ended);
}

TEST_F(LoopbackTest, DroppingTheServerEndCancelsTheClient) {
  auto client = OpenSession();
  server_.reset();
  std::optional<Result<std::optional<Payload>>> read;
  ReadInto(*client, &read);
  simulation_.Settle();
  EXPECT_EQ(read->status().code(), Code::kCancelled);
}

TEST_F(LoopbackTest, TheDeadlineEndsAStream) {
  CallOptions options;
  options.timeout = 3s;
  auto client = OpenSession(std::move(options));
  std::optional<Result<std::optional<Payload>>> read;
  ReadInto(*client, &read);
  simulation_.RunFor(4s);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->status().code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(server_->context()->cancelled());
}

TEST_F(LoopbackTest, APeerCanBeMadeToLookRemote) {
  std::string seen;
  Serve([&](CallContextPtr context, auto, UnaryReply reply) {
    seen = context->caller()->node_id + " " + context->remote_address();
    reply(Payload());
  });
  channel_ = loopback_->NewChannel(
      {Listener::kRemote, Identity{"m7", "cluster", {"swarm-manager"}}, "10.0.0.1:9"});
  Call();
  simulation_.Settle();
  EXPECT_EQ(seen, "m7 10.0.0.1:9");
}

}  // namespace
}  // namespace swarm::rpc
