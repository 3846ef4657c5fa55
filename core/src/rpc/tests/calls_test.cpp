// Calls of gRPC's client over real sockets, through TLS, into a router.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>

#include "transport_fixture.h"

namespace swarm::rpc {
namespace {

class CallsTest : public TransportTest {
 protected:
  // A stream, open on both sides.
  struct Ends {
    std::shared_ptr<ClientStream> client;
    ServerStreamPtr server;
  };
  Ends OpenStream(Channel& channel, const char* method, CallOptions options = {}) {
    auto handler = std::make_shared<KeepStream>();
    Register(method, handler);
    options.wait_for_ready = true;
    auto client = channel.Open(method, std::move(options));
    return {client, handler->opened.Get()};
  }
  Result<std::optional<Payload>> Read(ClientStream& stream) {
    Arriving<Result<std::optional<Payload>>> read;
    stream.Read(read.Taker());
    return read.Get();
  }
  std::optional<Payload> Read(ServerStream& stream) {
    Arriving<std::optional<Payload>> read;
    stream.Read(read.Taker());
    return read.Get();
  }
  template <class Stream>
  bool Send(Stream& stream, std::string bytes) {
    Arriving<bool> sent;
    stream.Send(Payload::FromBytes(std::move(bytes)), sent.Taker());
    return sent.Get();
  }
};

TEST_F(CallsTest, AUnaryCallOverTheLocalSocketNeedsNoCertificate) {
  ServeWhoAmI();
  auto channel = Dial(Serve(UnixOptions()));
  const auto reply = Call(*channel);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->Bytes(), "self");
}

TEST_F(CallsTest, RequestsMetadataDeadlineAndPeerReachTheHandler) {
  Arriving<std::string> seen;
  Register(kHeartbeat,
           MakeUnaryHandler<pb::GetNodeRequest>(
               [&seen](CallContextPtr context, std::shared_ptr<const pb::GetNodeRequest> request,
                       UnaryReply reply) {
                 const auto found = context->metadata().find("color");
                 EXPECT_TRUE(context->deadline().has_value());
                 EXPECT_TRUE(context->remote_address().starts_with("127.0.0.1:"));
                 seen.Taker()(context->method() + " " + context->caller()->node_id + " " +
                              request->node_id() + " " + found->second);
                 reply(Payload());
               }));
  auto channel = Dial(Serve(TcpOptions()), As("w7", "swarm-worker"));
  CallOptions options;
  options.metadata.emplace("color", "red");
  pb::GetNodeRequest request;
  request.set_node_id("n5");
  ASSERT_TRUE(Call(*channel, kHeartbeat, Payload::Of(request), std::move(options)).ok());
  EXPECT_EQ(seen.Get(), std::string(kHeartbeat) + " w7 n5 red");
}

TEST_F(CallsTest, StatusesArriveWithCodeAndText) {
  Register(kGetNode, MakeUnaryHandler<pb::GetNodeRequest>([](auto, auto, UnaryReply reply) {
             reply(Status(Code::kNotFound, "node \"x\" not found: gelöscht\nsecond line"));
           }));
  auto channel = Dial(Serve(UnixOptions()));
  EXPECT_EQ(Call(*channel).status(),
            Status(Code::kNotFound, "node \"x\" not found: gelöscht\nsecond line"));
}

TEST_F(CallsTest, AHandlersOwnUnavailableIsNotExplained) {
  Register(kGetNode, MakeUnaryHandler<pb::GetNodeRequest>([](auto, auto, UnaryReply reply) {
             reply(Status(Code::kUnavailable, "busy"));
           }));
  auto channel = Dial(Serve(UnixOptions()));
  EXPECT_EQ(Call(*channel).status(), Status(Code::kUnavailable, "busy"));
}

TEST_F(CallsTest, UnknownMethodsAreUnimplemented) {
  auto channel = Dial(Serve(UnixOptions()));
  EXPECT_EQ(Call(*channel, "/no.such.Service/Method").status(),
            Status(Code::kUnimplemented, "unknown service no.such.Service"));
}

TEST_F(CallsTest, ADroppedReplyAnswersInternal) {
  Register(kGetNode, MakeUnaryHandler<pb::GetNodeRequest>([](auto, auto, UnaryReply) {}));
  auto channel = Dial(Serve(UnixOptions()));
  EXPECT_EQ(Call(*channel).status().code(), Code::kInternal);
}

TEST_F(CallsTest, MalformedRequestsAreRefused) {
  ServeWhoAmI();
  auto channel = Dial(Serve(UnixOptions()));
  EXPECT_EQ(Call(*channel, kGetNode, Payload::FromBytes("\xff\xff")).status().code(),
            Code::kInvalidArgument);
}

TEST_F(CallsTest, TheDeadlineEndsACallOnBothSides) {
  std::mutex mutex;
  UnaryReply kept;
  Arriving<bool> cancelled;
  Register(kGetNode, MakeUnaryHandler<pb::GetNodeRequest>(
                         [&](CallContextPtr context, auto, UnaryReply reply) {
                           context->OnCancel([&cancelled] { cancelled.Taker()(true); });
                           std::lock_guard lock(mutex);
                           kept = std::move(reply);
                         }));
  auto channel = Dial(Serve(UnixOptions()));
  CallOptions options;
  options.timeout = 200ms;
  options.wait_for_ready = true;
  EXPECT_EQ(Call(*channel, kGetNode, {}, std::move(options)).status().code(),
            Code::kDeadlineExceeded);
  EXPECT_TRUE(cancelled.Get());
  std::lock_guard lock(mutex);
  kept(Payload());  // too late, harmless
}

TEST_F(CallsTest, CancellingTellsTheHandler) {
  Arriving<UnaryReply> handling;
  Arriving<bool> cancelled;
  Register(kGetNode, MakeUnaryHandler<pb::GetNodeRequest>(
                         [&](CallContextPtr context, auto, UnaryReply reply) {
                           context->OnCancel([&cancelled] { cancelled.Taker()(true); });
                           handling.Taker()(std::move(reply));
                         }));
  auto channel = Dial(Serve(UnixOptions()));
  Arriving<Result<Payload>> result;
  auto call = channel->Call(kGetNode, {}, Payload(), result.Taker());
  const auto kept = handling.Get();
  call->Cancel();
  EXPECT_EQ(result.Get().status().code(), Code::kCancelled);
  EXPECT_TRUE(cancelled.Get());
}

TEST_F(CallsTest, DestroyingTheChannelCancelsItsCalls) {
  Arriving<UnaryReply> handling;
  Register(kGetNode,
           MakeUnaryHandler<pb::GetNodeRequest>([&](CallContextPtr, auto, UnaryReply reply) {
             handling.Taker()(std::move(reply));
           }));
  auto channel = network_->Dial(Serve(UnixOptions()), {}).value();
  Arriving<Result<Payload>> result;
  channel->Call(kGetNode, {}, Payload(), result.Taker());
  const auto kept = handling.Get();
  channel.reset();
  EXPECT_EQ(result.Get().status().code(), Code::kCancelled);
}

TEST_F(CallsTest, AServerStreamDeliversInOrderAndEndsWithItsStatus) {
  auto channel = Dial(Serve(TcpOptions()), As("w1", "swarm-worker"));
  auto [client, server] = OpenStream(*channel, kSession);
  client->Send(Payload::FromBytes("hello"), [](bool) {});
  client->CloseSend();
  EXPECT_EQ(Read(*server)->Bytes(), "hello");
  EXPECT_FALSE(Read(*server).has_value()) << "the client has closed its side";
  for (int i = 0; i < 100; ++i) {
    server->Send(Payload::FromBytes(std::to_string(i)), [](bool sent) { EXPECT_TRUE(sent); });
  }
  server->Finish({Code::kAborted, "enough"});
  for (int i = 0; i < 100; ++i) {
    const auto read = Read(*client);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ((*read)->Bytes(), std::to_string(i));
  }
  EXPECT_EQ(Read(*client).status(), Status(Code::kAborted, "enough"));
  EXPECT_EQ(Read(*client).status(), Status(Code::kAborted, "enough")) << "also when asked again";
  EXPECT_FALSE(Send(*server, "late"));
  EXPECT_FALSE(Send(*client, "late"));
}

TEST_F(CallsTest, AClientStreamIsReadToItsEndAndAnswered) {
  auto channel = Dial(Serve(UnixOptions()));
  auto [client, server] = OpenStream(*channel, kPublish);
  for (const char* text : {"a", "b", "c"}) EXPECT_TRUE(Send(*client, text));
  client->CloseSend();
  for (const char* text : {"a", "b", "c"}) EXPECT_EQ(Read(*server)->Bytes(), text);
  EXPECT_FALSE(Read(*server).has_value());
  server->Send(Payload::FromBytes("done"), [](bool) {});
  server->Finish(Status::Ok());
  EXPECT_EQ(Read(*client).value()->Bytes(), "done");
  EXPECT_FALSE(Read(*client).value().has_value());
}

TEST_F(CallsTest, DroppingEitherEndOfAStreamCancelsTheOther) {
  auto channel = Dial(Serve(UnixOptions()));
  auto first = OpenStream(*channel, kSession);
  Arriving<bool> told;
  first.server->context()->OnCancel([&told] { told.Taker()(true); });
  first.client.reset();
  EXPECT_TRUE(told.Get());
  EXPECT_FALSE(Read(*first.server).has_value());

  auto second = OpenStream(*channel, kPublish);
  second.server.reset();
  EXPECT_EQ(Read(*second.client).status().code(), Code::kCancelled);
}

TEST_F(CallsTest, ASlowReaderHoldsBackTheSender) {
  auto channel = Dial(Serve(TcpOptions()), As("w1", "swarm-worker"));
  auto [client, server] = OpenStream(*channel, kSession);
  constexpr int kMessages = 64;
  std::atomic<int> sent{0};
  for (int i = 0; i < kMessages; ++i) {
    server->Send(Payload::FromBytes(std::string(1 << 20, 'x')), [&sent](bool) { ++sent; });
  }
  EXPECT_LT(sent.load(), kMessages);
  for (int i = 0; i < kMessages; ++i) EXPECT_EQ(Read(*client).value()->ByteSize(), 1u << 20);
  EXPECT_TRUE(Eventually([&sent] { return sent.load() == kMessages; }));
  server->Finish(Status::Ok());
}

TEST_F(CallsTest, MessagesAboveFourMebibytesAreRefusedAndHarmNobody) {
  ServeWhoAmI();
  auto channel = Dial(Serve(UnixOptions()));
  const auto reply = Call(*channel, kGetNode, Payload::FromBytes(std::string((4 << 20) + 1, 'x')));
  EXPECT_EQ(reply.status().code(), Code::kResourceExhausted) << reply.status();
  EXPECT_TRUE(Call(*channel).ok());
}

TEST_F(CallsTest, RepliesMayBeLarge) {
  Register(kGetNode, MakeUnaryHandler<pb::GetNodeRequest>([](auto, auto, UnaryReply reply) {
             reply(Payload::FromBytes(std::string(20 << 20, 'y')));
           }));
  auto channel = Dial(Serve(TcpOptions()), As("m2"));
  EXPECT_EQ(Call(*channel).value().ByteSize(), 20u << 20);
}

TEST_F(CallsTest, ManyCallsAtOnceAllGetTheirOwnAnswer) {
  Register(kGetNode, MakeUnaryHandler<pb::GetNodeRequest>(
                         [](auto, std::shared_ptr<const pb::GetNodeRequest> request,
                            UnaryReply reply) { reply(Payload::FromBytes(request->node_id())); }));
  auto channel = Dial(Serve(UnixOptions()));
  constexpr int kCalls = 2000;
  std::vector<Arriving<Result<Payload>>> replies(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    pb::GetNodeRequest request;
    request.set_node_id(std::to_string(i));
    CallOptions options;
    options.wait_for_ready = true;
    channel->Call(kGetNode, options, Payload::Of(request), replies[i].Taker());
  }
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(replies[i].Get().value().Bytes(), std::to_string(i));
}

TEST_F(CallsTest, StoppingEndsOpenStreamsInBoundedTime) {
  auto channel = Dial(Serve(UnixOptions()));
  auto [client, server] = OpenStream(*channel, kSession);
  Arriving<bool> told;
  server->context()->OnCancel([&told] { told.Taker()(true); });
  const auto before = std::chrono::steady_clock::now();
  server_->Stop(300ms);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
  EXPECT_TRUE(told.Get());
  EXPECT_FALSE(Read(*client).ok());
  EXPECT_FALSE(Send(*server, "late"));
  server_->Stop(300ms);  // again, harmless
}

TEST_F(CallsTest, StoppingLetsRunningCallsEnd) {
  Arriving<UnaryReply> handling;
  Register(kGetNode,
           MakeUnaryHandler<pb::GetNodeRequest>([&](CallContextPtr, auto, UnaryReply reply) {
             handling.Taker()(std::move(reply));
           }));
  auto channel = Dial(Serve(UnixOptions()));
  Arriving<Result<Payload>> result;
  channel->Call(kGetNode, {}, Payload(), result.Taker());
  auto reply = handling.Get();
  auto stopping = std::async(std::launch::async, [this] { server_->Stop(10s); });
  reply(Payload::FromBytes("in time"));
  EXPECT_EQ(result.Get().value().Bytes(), "in time");
  EXPECT_EQ(stopping.wait_for(5s), std::future_status::ready);
}

}  // namespace
}  // namespace swarm::rpc
