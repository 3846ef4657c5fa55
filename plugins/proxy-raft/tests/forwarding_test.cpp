// Calls on their way to the leader: what it is told, and what callers hear when there is none.
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "raft_proxy.h"
#include "rpc/call_target.h"
#include "simulation/virtual_network.h"
#include "swarm/simulation.h"

namespace swarm::proxy_raft {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

class Context final : public CallContext {
 public:
  const std::string& method() const noexcept override { return method_; }
  Listener listener() const noexcept override { return listener_; }
  const std::optional<Identity>& caller() const noexcept override { return caller_; }
  const std::string& remote_address() const noexcept override { return address_; }
  const Metadata& metadata() const noexcept override { return metadata_; }
  std::optional<SteadyTime> deadline() const noexcept override { return deadline_; }
  void OnCancel(Function<void()>) noexcept override {}
  bool cancelled() const noexcept override { return false; }

  std::string method_ = "/docker.swarmkit.v1.Dispatcher/Heartbeat";
  Listener listener_ = Listener::kRemote;
  std::optional<Identity> caller_ = Identity{"worker", "cluster", {"swarm-worker"}};
  std::string address_ = "10.0.0.9:5555";
  Metadata metadata_;
  std::optional<SteadyTime> deadline_;
};

class FakeConsensus final : public Consensus {
 public:
  void Attach(ReplicatedState&) noexcept override {}
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch) noexcept override { return ProposalEpoch(1); }
  void Propose(ProposalEpoch, Sequence, std::string) noexcept override {}
  LeaderInfo Leader() const noexcept override { return leader; }
  std::vector<Member> Members() const noexcept override { return members; }
  Index CommitIndex() const noexcept override { return {}; }
  Status TransferLeadership() noexcept override { return Status::Ok(); }
  void ReadLog(Index, Index,
               Function<void(Result<std::vector<CommittedEntry>>)>) noexcept override {}

  LeaderInfo leader;
  std::vector<Member> members;
};

// A manager that answers everything, and says what it was told.
class Leader final : public CallTarget {
 public:
  void Unary(CallContextPtr context, Payload request, UnaryReply reply) noexcept override {
    metadata = context->metadata();
    ++calls;
    if (refusal.ok()) return reply(std::move(request));
    reply(refusal);
  }
  void Stream(ServerStreamPtr stream) noexcept override { Echo(std::move(stream)); }
  void Echo(const ServerStreamPtr& stream) {
    stream->Read([this, stream](std::optional<Payload> message) {
      if (!message) return stream->Finish({Code::kAborted, "the end"});
      stream->Send(*std::move(message), [](bool) {});
      Echo(stream);
    });
  }
  Metadata metadata;
  int calls = 0;
  Status refusal;
};

class Nobody final : public UnaryHandler {
 public:
  void Handle(CallContextPtr, Payload, UnaryReply reply) noexcept override {
    reply(Status(Code::kInternal, "this manager does not lead"));
  }
};

class ForwardingTest : public testing::Test {
 protected:
  ForwardingTest() : network_(simulation_), here_(simulation_.AddMachine("m1")) {
    way_ = network_.Attach(here_, Identity{"m1", "cluster", {"swarm-manager"}});
    ProxyParts parts;
    parts.runtime = &here_.runtime();
    parts.consensus = &consensus_;
    parts.network = way_.get();
    proxy_ = std::make_unique<RaftProxy>(std::move(parts));
  }
  ~ForwardingTest() override {
    proxy_->Stop([] {});
  }

  void Listen(const std::string& name) {
    Machine& machine = simulation_.AddMachine(name);
    auto listening = network_.Listen(machine, name + ":4242", leaders_[name]);
    ASSERT_TRUE(listening.ok());
    listening_.push_back(*std::move(listening));
  }
  void Call(std::shared_ptr<Context> context = std::make_shared<Context>()) {
    proxy_->Unary(
        std::move(context), Payload::FromBytes("hello"),
        [this](Result<Payload> reply) { reply_ = std::move(reply); }, std::make_shared<Nobody>());
  }
  bool Answered(Duration limit) {
    return simulation_.RunUntil([this] { return reply_.has_value(); }, limit);
  }
  static Member Gone(const std::string& name, std::int64_t ms) {
    Member member;
    member.node_id = name;
    member.address = name + ":4242";
    member.reachable = false;
    member.unreachable_ms = ms;
    return member;
  }
  static Member Alive(const std::string& name) {
    Member member;
    member.node_id = name;
    member.reachable = true;
    return member;
  }

  Simulation simulation_{1};
  VirtualNetwork network_;
  Machine& here_;
  std::unique_ptr<Network> way_;
  FakeConsensus consensus_;
  struct LeaderOf {
    std::shared_ptr<Leader> leader = std::make_shared<Leader>();
    operator std::shared_ptr<CallTarget>() const { return leader; }
  };
  std::map<std::string, LeaderOf> leaders_;
  std::vector<std::unique_ptr<Registration>> listening_;
  std::unique_ptr<RaftProxy> proxy_;
  std::optional<Result<Payload>> reply_;
};

TEST_F(ForwardingTest, TellsTheLeaderWhoCalls) {
  Listen("m2");
  consensus_.leader = {false, "m2", "m2:4242", 0};
  Call();
  ASSERT_TRUE(Answered(5s));
  ASSERT_TRUE(reply_->ok()) << reply_->status();
  EXPECT_EQ((*reply_)->Bytes(), "hello");
  const Metadata expected = {
      {"redirect", "10.0.0.9:5555"},         {"forwarded_cert", "true"},
      {"forwarded_cert_cn", "worker"},       {"forwarded_cert_org", "cluster"},
      {"forwarded_cert_ou", "swarm-worker"}, {"remote_addr", "10.0.0.9:5555"}};
  EXPECT_EQ(leaders_["m2"].leader->metadata, expected);
}

TEST_F(ForwardingTest, ACallerWithoutACertificateIsNotTakenForThisManager) {
  Listen("m2");
  consensus_.leader = {false, "m2", "m2:4242", 0};
  auto context = std::make_shared<Context>();
  context->caller_.reset();
  Call(context);
  ASSERT_TRUE(Answered(5s));
  const Metadata& told = leaders_["m2"].leader->metadata;
  EXPECT_EQ(told.find("forwarded_cert")->second, "true");
  EXPECT_EQ(told.find("forwarded_cert_cn")->second, "");
  EXPECT_FALSE(told.contains("forwarded_cert_ou"));
}

TEST_F(ForwardingTest, TheLocalSocketsCallsAreThisManagersOwn) {
  Listen("m2");
  consensus_.leader = {false, "m2", "m2:4242", 0};
  auto context = std::make_shared<Context>();
  context->listener_ = Listener::kLocal;
  context->address_ = "@";
  Call(context);
  ASSERT_TRUE(Answered(5s));
  EXPECT_EQ(leaders_["m2"].leader->metadata, (Metadata{{"redirect", "@"}}));
}

TEST_F(ForwardingTest, ASecondHopIsRefused) {
  Listen("m2");
  consensus_.leader = {false, "m2", "m2:4242", 0};
  for (const char* key : {"redirect", "forwarded_cert"}) {
    auto context = std::make_shared<Context>();
    context->metadata_ = {{key, "10.0.0.1:7"}};
    reply_.reset();
    Call(context);
    ASSERT_TRUE(Answered(5s));
    EXPECT_EQ(reply_->status().code(), Code::kResourceExhausted);
    EXPECT_EQ(reply_->status().message().rfind("more than one redirect to leader from: [", 0), 0u);
  }
  EXPECT_EQ(leaders_["m2"].leader->calls, 0);
}

TEST_F(ForwardingTest, WaitsForTheNextLeader) {
  Listen("m3");
  consensus_.members = {Alive("m1"), Gone("m2", 300), Alive("m3")};
  Call();
  EXPECT_FALSE(Answered(900ms));
  consensus_.leader = {false, "m3", "m3:4242", 0};
  ASSERT_TRUE(Answered(1s));
  EXPECT_TRUE(reply_->ok()) << reply_->status();
}

TEST_F(ForwardingTest, WithoutAMajorityItSaysAtOnceWhoIsMissing) {
  consensus_.members = {Alive("m1"), Gone("m2", 12'300), Gone("m3", 4'000)};
  Call();
  ASSERT_TRUE(Answered(10ms));
  EXPECT_EQ(reply_->status().code(), Code::kUnknown);
  EXPECT_EQ(
      reply_->status().message(),
      "The swarm does not have a leader. It's possible that too few managers are online. "
      "Make sure more than half of the managers are online.\n"
      "2 of 3 managers unreachable: node m2 (m2:4242) since 12 s, node m3 (m3:4242) since 4 s\n"
      "start them again; if they are lost for good, start this manager once with "
      "--force-new-cluster");
}

TEST_F(ForwardingTest, ALeaderThatIsNoneAnyMoreIsAskedNoFurther) {
  Listen("m2");
  Listen("m3");
  leaders_["m2"].leader->refusal =
      Status(Code::kResourceExhausted, "more than one redirect to leader from: [10.0.0.9:5555]");
  consensus_.leader = {false, "m2", "m2:4242", 0};
  Call();
  EXPECT_FALSE(Answered(1s)) << "tries again while m2 is said to lead";
  consensus_.leader = {false, "m3", "m3:4242", 0};
  ASSERT_TRUE(Answered(1s));
  EXPECT_TRUE(reply_->ok()) << reply_->status();
  EXPECT_EQ(leaders_["m3"].leader->calls, 1);
}

TEST_F(ForwardingTest, WhatMayHaveBeenDoneIsNotRepeated) {
  Listen("m2");
  leaders_["m2"].leader->refusal =
      Status(Code::kUnavailable, "raft: failed to process the request: node lost leader status");
  consensus_.leader = {false, "m2", "m2:4242", 0};
  Call();
  ASSERT_TRUE(Answered(5s));
  EXPECT_EQ(reply_->status(), leaders_["m2"].leader->refusal);
  EXPECT_EQ(leaders_["m2"].leader->calls, 1);
}

TEST_F(ForwardingTest, WhatOnlyReadsIsRepeated) {
  Listen("m2");
  Listen("m3");
  leaders_["m2"].leader->refusal = Status(Code::kUnavailable, "Socket closed");
  consensus_.leader = {false, "m2", "m2:4242", 0};
  auto context = std::make_shared<Context>();
  context->method_ = "/docker.swarmkit.v1.Control/ListServices";
  Call(context);
  EXPECT_FALSE(Answered(1s)) << "tries again while m2 is said to lead";
  EXPECT_LT(leaders_["m2"].leader->calls, 10) << "not as fast as it can";
  consensus_.leader = {false, "m3", "m3:4242", 0};
  ASSERT_TRUE(Answered(1s));
  EXPECT_TRUE(reply_->ok()) << reply_->status();
}

// Another manager takes this one for the leader, which it will be in a moment.
TEST_F(ForwardingTest, APassedOnCallWaitsUntilThisManagerLeads) {
  class Here final : public UnaryHandler {
   public:
    void Handle(CallContextPtr, Payload request, UnaryReply reply) noexcept override {
      reply(std::move(request));
    }
  };
  consensus_.members = {Alive("m1"), Alive("m2"), Alive("m3")};
  auto context = std::make_shared<Context>();
  context->metadata_ = {{"redirect", "10.0.0.1:7"}};
  proxy_->Unary(
      context, Payload::FromBytes("hello"),
      [this](Result<Payload> reply) { reply_ = std::move(reply); }, std::make_shared<Here>());
  EXPECT_FALSE(Answered(500ms));
  consensus_.leader = {true, "m1", "m1:4242", 0};
  ASSERT_TRUE(Answered(1s));
  EXPECT_TRUE(reply_->ok()) << reply_->status();
}

TEST_F(ForwardingTest, ACallWithoutADeadlineOutlastsAnElectionOfDockersManagers) {
  Listen("m3");
  consensus_.members = {Alive("m1"), Gone("m2", 20'000), Alive("m3")};
  Call();
  EXPECT_FALSE(Answered(25s));
  consensus_.leader = {false, "m3", "m3:4242", 0};
  ASSERT_TRUE(Answered(1s));
  EXPECT_TRUE(reply_->ok()) << reply_->status();
}

TEST_F(ForwardingTest, GivesUpBeforeTheCallersDeadline) {
  consensus_.members = {Alive("m1"), Alive("m2"), Alive("m3")};
  auto context = std::make_shared<Context>();
  context->deadline_ = simulation_.Now() + 2s;
  Call(context);
  ASSERT_TRUE(Answered(2s));
  EXPECT_EQ(reply_->status().code(), Code::kUnknown);
}

TEST_F(ForwardingTest, AWaitingCallIsAnsweredWhenTheProxyStops) {
  consensus_.members = {Alive("m1"), Alive("m2"), Alive("m3")};
  Call();
  simulation_.RunFor(100ms);
  proxy_->Stop([] {});
  ASSERT_TRUE(Answered(1ms));
  EXPECT_EQ(reply_->status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace swarm::proxy_raft
