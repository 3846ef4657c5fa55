#include "rpc/router.h"

#include <gtest/gtest.h>

#include <thread>

#include "fake_call.h"
#include "swarm/rpc_typed.h"
#include "swarmkit/v1/control.pb.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::rpc {
namespace {

namespace pb = ::docker::swarmkit::v1;

const char kGetNode[] = "/docker.swarmkit.v1.Control/GetNode";
const char kSession[] = "/docker.swarmkit.v1.Dispatcher/Session";
const char kHeartbeat[] = "/docker.swarmkit.v1.Dispatcher/Heartbeat";
const char kJoin[] = "/docker.swarmkit.v1.RaftMembership/Join";

Identity Manager() { return {"m1", "cluster", {"swarm-manager"}}; }

class Answering final : public UnaryHandler {
 public:
  void Handle(CallContextPtr context, Payload, UnaryReply reply) noexcept override {
    ++calls;
    last = context;
    reply(Payload::FromBytes("here"));
  }
  int calls = 0;
  CallContextPtr last;
};

class Opening final : public StreamHandler {
 public:
  void Open(ServerStreamPtr stream) noexcept override {
    last = stream->context();
    stream->Finish(Status::Ok());
  }
  CallContextPtr last;
};

// Passes everything on to a place of its own, or calls `here` when it leads.
class TestProxy final : public Proxy {
 public:
  void Unary(CallContextPtr context, Payload request, UnaryReply reply,
             std::shared_ptr<UnaryHandler> here) noexcept override {
    if (leads) return here->Handle(std::move(context), std::move(request), std::move(reply));
    reply(Payload::FromBytes("leader"));
  }
  void Stream(ServerStreamPtr stream, std::shared_ptr<StreamHandler> here) noexcept override {
    if (leads) return here->Open(std::move(stream));
    stream->Finish({Code::kAborted, "leader"});
  }
  bool leads = false;
};

class RouterTest : public testing::Test {
 protected:
  RouterTest() { router_.SetSelf({"self", "cluster", {"swarm-manager"}}); }

  Result<std::string> Call(FakeCall call) {
    std::optional<Result<std::string>> out;
    router_.Unary(call.Context(), Payload(), [&out](Result<Payload> reply) {
      if (reply.ok()) {
        out = reply->Bytes();
      } else {
        out = reply.status();
      }
    });
    EXPECT_TRUE(out.has_value());
    return *out;
  }
  Result<std::string> Call(const char* method, Listener listener = Listener::kRemote) {
    FakeCall call;
    call.method = method;
    call.listener = listener;
    if (listener == Listener::kRemote) call.peer = Manager();
    return Call(call);
  }

  RouterImpl router_;
};

TEST_F(RouterTest, EveryMethodSaysWhoAnswersIt) {
  EXPECT_GE(MethodTable::Get().methods().size(), 65u);
  for (const Method& method : MethodTable::Get().methods()) {
    EXPECT_NE(method.remote, Answer::ABSENT) << method.name;
    EXPECT_NE(method.anonymous, !method.roles.empty()) << method.name;
  }
}

TEST_F(RouterTest, ShapesOfMethodsAreRead) {
  EXPECT_TRUE(MethodTable::Get().Find(kGetNode)->unary());
  EXPECT_TRUE(MethodTable::Get().Find(kSession)->server_streaming);
  EXPECT_TRUE(
      MethodTable::Get().Find("/docker.swarmkit.v1.LogBroker/PublishLogs")->client_streaming);
}

TEST_F(RouterTest, UnknownNamesAnswerInGrpcsWords) {
  EXPECT_EQ(Call("/no.such.Service/Method").status(),
            Status(Code::kUnimplemented, "unknown service no.such.Service"));
  EXPECT_EQ(
      Call("/docker.swarmkit.v1.Control/Fly").status(),
      Status(Code::kUnimplemented, "unknown method Fly for service docker.swarmkit.v1.Control"));
  EXPECT_EQ(Call("nonsense").status(),
            Status(Code::kUnimplemented, "malformed method name: \"nonsense\""));
}

TEST_F(RouterTest, ServicesThisBuildLacksAreUnimplementedOnBothListeners) {
  const Status expected(Code::kUnimplemented, "unknown service docker.swarmkit.v1.Control");
  EXPECT_EQ(Call(kGetNode).status(), expected);
  EXPECT_EQ(Call(kGetNode, Listener::kLocal).status(), expected);
}

TEST_F(RouterTest, DeclaredServicesAreUnavailableUntilRegistered) {
  router_.Declare("docker.swarmkit.v1.Control");
  EXPECT_EQ(Call(kGetNode).status().code(), Code::kUnavailable);
  const auto registration = router_.Register(kGetNode, std::make_shared<Answering>());
  ASSERT_TRUE(registration.ok());
  EXPECT_EQ(*Call(kGetNode), "here");
}

TEST_F(RouterTest, ARegistrationLastsAsLongAsItsObject) {
  auto registration = router_.Register(kGetNode, std::make_shared<Answering>());
  EXPECT_EQ(*Call(kGetNode), "here");
  registration->reset();
  EXPECT_EQ(Call(kGetNode).status().code(), Code::kUnavailable);
  EXPECT_TRUE(router_.Register(kGetNode, std::make_shared<Answering>()).ok());
}

TEST_F(RouterTest, RegistrationsThatDoNotFitAreRefused) {
  const auto first = router_.Register(kGetNode, std::make_shared<Answering>());
  EXPECT_EQ(router_.Register(kGetNode, std::make_shared<Answering>()).status().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(router_.Register("/a.B/C", std::make_shared<Answering>()).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(router_.Register(kGetNode, std::make_shared<Opening>()).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(router_.Register(kSession, std::make_shared<Answering>()).status().code(),
            Code::kInvalidArgument);
}

TEST_F(RouterTest, MethodsAbsentFromAListenerDoNotExistThere) {
  const auto registration = router_.Register(kJoin, std::make_shared<Answering>());
  EXPECT_EQ(*Call(kJoin), "here");
  EXPECT_EQ(Call(kJoin, Listener::kLocal).status(),
            Status(Code::kUnimplemented, "unknown service docker.swarmkit.v1.RaftMembership"));
}

TEST_F(RouterTest, LocalCallersAreThisNodeAndNeedNoRole) {
  auto handler = std::make_shared<Answering>();
  const auto registration = router_.Register(kGetNode, handler);
  EXPECT_EQ(*Call(kGetNode, Listener::kLocal), "here");
  EXPECT_EQ(handler->last->caller()->node_id, "self");
}

TEST_F(RouterTest, RemoteCallersWithoutTheRoleNeverReachTheHandler) {
  auto handler = std::make_shared<Answering>();
  const auto registration = router_.Register(kGetNode, handler);
  FakeCall call;
  call.method = kGetNode;
  EXPECT_EQ(Call(call).status().code(), Code::kPermissionDenied);
  EXPECT_EQ(handler->calls, 0);
}

TEST_F(RouterTest, ForwardedCallersAreWhatHandlersSee) {
  auto handler = std::make_shared<Answering>();
  const auto registration = router_.Register(kHeartbeat, handler);
  FakeCall call;
  call.method = kHeartbeat;
  call.peer = Manager();
  call.metadata = {{"forwarded_cert", "true"},
                   {"forwarded_cert_cn", "w2"},
                   {"forwarded_cert_org", "cluster"},
                   {"forwarded_cert_ou", "swarm-worker"},
                   {"remote_addr", "1.2.3.4:5"}};
  EXPECT_EQ(*Call(call), "here");
  EXPECT_EQ(handler->last->caller()->node_id, "w2");
  EXPECT_EQ(handler->last->remote_address(), "1.2.3.4:5");
}

TEST_F(RouterTest, TheBlacklistIsAskedForEveryCall) {
  const auto registration = router_.Register(kGetNode, std::make_shared<Answering>());
  bool removed = false;
  router_.SetBlacklist([&removed](std::string_view id) { return removed && id == "m1"; });
  EXPECT_EQ(*Call(kGetNode), "here");
  removed = true;
  EXPECT_EQ(Call(kGetNode).status().code(), Code::kPermissionDenied);
}

TEST_F(RouterTest, TheProxyDecidesOnlyWhatTheLeaderAnswers) {
  TestProxy proxy;
  router_.SetProxy(&proxy);
  const auto get = router_.Register(kGetNode, std::make_shared<Answering>());
  EXPECT_EQ(*Call(kGetNode), "here") << "on the remote listener a follower answers itself";
  EXPECT_EQ(*Call(kGetNode, Listener::kLocal), "leader");
  proxy.leads = true;
  EXPECT_EQ(*Call(kGetNode, Listener::kLocal), "here");
  router_.SetProxy(nullptr);
}

TEST_F(RouterTest, WhatOnlyTheLeaderServesIsPassedOnAlsoByBuildsWithoutIt) {
  TestProxy proxy;
  router_.SetProxy(&proxy);
  EXPECT_EQ(*Call(kHeartbeat), "leader");
  proxy.leads = true;
  EXPECT_EQ(Call(kHeartbeat).status().code(), Code::kUnimplemented);
  router_.SetProxy(nullptr);
}

TEST_F(RouterTest, AuthorisationComesBeforeTheProxy) {
  TestProxy proxy;
  router_.SetProxy(&proxy);
  FakeCall call;
  call.method = kHeartbeat;
  EXPECT_EQ(Call(call).status().code(), Code::kPermissionDenied);
  router_.SetProxy(nullptr);
}

TEST_F(RouterTest, SetProxyWaitsForWhoIsInsideTheOldOne) {
  class Slow final : public Proxy {
   public:
    void Unary(CallContextPtr, Payload, UnaryReply reply,
               std::shared_ptr<UnaryHandler>) noexcept override {
      entered.store(true);
      entered.notify_all();
      leave.wait(false);
      left.store(true);
      reply(Payload());
    }
    void Stream(ServerStreamPtr, std::shared_ptr<StreamHandler>) noexcept override {}
    std::atomic<bool> entered{false}, leave{false}, left{false};
  };
  Slow slow;
  router_.SetProxy(&slow);
  std::thread caller([this] { (void)Call(kHeartbeat); });
  slow.entered.wait(false);
  std::thread releaser([&slow] {
    slow.leave.store(true);
    slow.leave.notify_all();
  });
  router_.SetProxy(nullptr);
  EXPECT_TRUE(slow.left.load());
  caller.join();
  releaser.join();
}

TEST_F(RouterTest, StreamsAreRoutedWithTheirEffectiveContext) {
  auto handler = std::make_shared<Opening>();
  const auto registration = router_.Register(kSession, handler);
  FakeCall call;
  call.method = kSession;
  call.listener = Listener::kLocal;
  auto stream = std::make_shared<FakeStream>(call);
  router_.Stream(stream);
  EXPECT_EQ(stream->end(), Status::Ok());
  EXPECT_EQ(handler->last->caller()->node_id, "self");

  call.listener = Listener::kRemote;
  stream = std::make_shared<FakeStream>(call);
  router_.Stream(stream);
  EXPECT_EQ(stream->end()->code(), Code::kPermissionDenied);

  TestProxy proxy;
  router_.SetProxy(&proxy);
  call.peer = Manager();
  stream = std::make_shared<FakeStream>(call);
  router_.Stream(stream);
  EXPECT_EQ(stream->end(), Status(Code::kAborted, "leader"));
  router_.SetProxy(nullptr);
}

TEST_F(RouterTest, CallsAndRefusalsAreCounted) {
  const auto registration = router_.Register(kGetNode, std::make_shared<Answering>());
  (void)Call(kGetNode);
  FakeCall nobody;
  nobody.method = kGetNode;
  (void)Call(nobody);
  const auto counts = router_.Counts();
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[0].method, kGetNode);
  EXPECT_EQ(counts[0].calls, 2u);
  EXPECT_EQ(counts[0].refused, 1u);
}

TEST(PayloadTest, MessagesPassUnconvertedAndBytesAreParsedOnDemand) {
  pb::GetNodeRequest request;
  request.set_node_id("n1");
  const auto shared = std::make_shared<const pb::GetNodeRequest>(request);
  const auto payload = Payload::FromMessage(shared);
  EXPECT_EQ(payload.As<pb::GetNodeRequest>().value().get(), shared.get());
  EXPECT_EQ(payload.ByteSize(), request.ByteSizeLong());

  const auto bytes = Payload::FromBytes(request.SerializeAsString());
  EXPECT_EQ(bytes.As<pb::GetNodeRequest>().value()->node_id(), "n1");
  EXPECT_EQ(bytes.Bytes(), payload.Bytes());
}

TEST(PayloadTest, AnEmptyPayloadIsAnEmptyMessage) {
  EXPECT_EQ(Payload().As<pb::GetNodeRequest>().value()->node_id(), "");
  EXPECT_EQ(Payload().ByteSize(), 0u);
}

TEST(PayloadTest, BytesThatAreNoMessageAreRefused) {
  const auto result = Payload::FromBytes("\xff\xff\xff").As<pb::GetNodeRequest>();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
}

TEST(PayloadTest, AMessageOfAnotherTypeIsConvertedThroughItsBytes) {
  pb::GetNodeRequest request;
  request.set_node_id("n1");
  const auto task = Payload::Of(request).As<pb::GetTaskRequest>();
  ASSERT_TRUE(task.ok());
  EXPECT_EQ((*task)->task_id(), "n1");
}

TEST(CallStateTest, AReplyDroppedUncalledAnswersInternal) {
  FakeCall call;
  call.method = kGetNode;
  std::optional<Result<Payload>> got;
  {
    auto reply = GuardReply(call.Context(), [&got](Result<Payload> r) { got = std::move(r); });
  }
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->status().code(), Code::kInternal);
}

TEST(CallStateTest, CancelRunsOnceWhatAskedForIt) {
  FakeCall call;
  const auto state = call.Context();
  int early = 0;
  int late = 0;
  state->OnCancel([&early] { ++early; });
  state->Cancel();
  state->Cancel();
  EXPECT_EQ(early, 1);
  state->OnCancel([&late] { ++late; });
  EXPECT_EQ(late, 1);
  EXPECT_TRUE(state->cancelled());
}

TEST(CallStateTest, NothingIsCancelledAfterTheEnd) {
  FakeCall call;
  const auto state = call.Context();
  int runs = 0;
  state->OnCancel([&runs] { ++runs; });
  state->End();
  state->Cancel();
  state->OnCancel([&runs] { ++runs; });
  EXPECT_EQ(runs, 0);
  EXPECT_FALSE(state->cancelled());
}

}  // namespace
}  // namespace swarm::rpc
