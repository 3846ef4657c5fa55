#include "conformance/proxy_suite.h"

#include <utility>
#include <vector>

#include "fakes/memory_consensus.h"
#include "fakes/reference_store.h"
#include "swarm/proxy.h"
#include "swarm/simulation.h"

namespace swarm::conformance {
namespace {

using namespace std::chrono_literals;

// Longer than any proxy waits for a leader to appear, when nobody bounds it.
constexpr auto kPatience = 60s;

class FakeContext final : public CallContext {
 public:
  explicit FakeContext(Metadata metadata = {}) : metadata_(std::move(metadata)) {}
  const std::string& method() const noexcept override { return method_; }
  Listener listener() const noexcept override { return Listener::kLocal; }
  const std::optional<Identity>& caller() const noexcept override { return caller_; }
  const std::string& remote_address() const noexcept override { return address_; }
  const Metadata& metadata() const noexcept override { return metadata_; }
  std::optional<SteadyTime> deadline() const noexcept override { return std::nullopt; }
  void OnCancel(Function<void()>) noexcept override {}
  bool cancelled() const noexcept override { return false; }

 private:
  const std::string method_ = "/docker.swarmkit.v1.Control/GetNode";
  const std::string address_ = "@";
  const std::optional<Identity> caller_ = Identity{"node", "cluster", {"swarm-manager"}};
  const Metadata metadata_;
};

// Answers with what it was asked, or keeps the reply for later.
class Echo final : public UnaryHandler {
 public:
  void Handle(CallContextPtr context, Payload request, UnaryReply reply) noexcept override {
    contexts.push_back(std::move(context));
    if (keep) {
      kept.push_back(std::move(reply));
    } else {
      reply(std::move(request));
    }
  }
  bool keep = false;
  std::vector<CallContextPtr> contexts;
  std::vector<UnaryReply> kept;
};

class CountingStreams final : public StreamHandler {
 public:
  void Open(ServerStreamPtr stream) noexcept override { opened.push_back(std::move(stream)); }
  std::vector<ServerStreamPtr> opened;
};

class FakeStream final : public ServerStream {
 public:
  const CallContextPtr& context() const noexcept override { return context_; }
  void Read(Function<void(std::optional<Payload>)> done) noexcept override { done(std::nullopt); }
  void Send(Payload, Function<void(bool)> done) noexcept override { done(true); }
  void Finish(Status status) noexcept override { finished.push_back(std::move(status)); }
  std::vector<Status> finished;

 private:
  const CallContextPtr context_ = std::make_shared<FakeContext>();
};

}  // namespace

// One manager, whose consensus is in memory.
struct ProxySuite::Rig {
  explicit Rig(const ProxyFactory& factory)
      : sim(1),
        machine(sim.AddMachine("manager")),
        consensus(machine.runtime()),
        store(machine.runtime(), consensus),
        instance(factory.make(consensus, machine.runtime())),
        proxy(static_cast<Proxy*>(instance->role())) {
    Status started(Code::kUnknown, "start never reported");
    instance->Start([&started](Status status) { started = std::move(status); });
    sim.Settle();
    EXPECT_TRUE(started.ok()) << started;
  }
  ~Rig() {
    Stop();
    consensus.Stop();
  }

  void Stop() {
    bool stopped = false;
    instance->Stop([&stopped] { stopped = true; });
    sim.RunUntil([&stopped] { return stopped; }, kPatience);
    EXPECT_TRUE(stopped);
  }
  void Lead() {
    consensus.Lead();
    sim.Settle();
  }
  void Follow() {
    consensus.Follow();
    sim.Settle();
  }
  void Call(std::string text, Metadata metadata = {}) {
    proxy->Unary(
        std::make_shared<FakeContext>(std::move(metadata)), Payload::FromBytes(std::move(text)),
        [this](Result<Payload> reply) { replies.push_back(std::move(reply)); }, here);
  }
  bool Answered(std::size_t count) {
    return sim.RunUntil([this, count] { return replies.size() >= count; }, kPatience);
  }

  Simulation sim;
  Machine& machine;
  fakes::MemoryConsensus consensus;
  fakes::ReferenceStore store;
  std::unique_ptr<Instance> instance;
  Proxy* proxy;
  std::shared_ptr<Echo> here = std::make_shared<Echo>();
  std::vector<Result<Payload>> replies;
};

ProxySuite::ProxySuite() : rig_(std::make_unique<Rig>(GetParam())) {}
ProxySuite::~ProxySuite() = default;

TEST_P(ProxySuite, CallsTheHandlerHereWhileThisManagerLeads) {
  rig_->Lead();
  rig_->Call("hello");
  ASSERT_TRUE(rig_->Answered(1));
  ASSERT_TRUE(rig_->replies[0].ok()) << rig_->replies[0].status();
  EXPECT_EQ(rig_->replies[0]->Bytes(), "hello");
  EXPECT_EQ(rig_->here->contexts.size(), 1U);
}

TEST_P(ProxySuite, GivesTheHandlerTheCallersContext) {
  rig_->Lead();
  rig_->Call("x", {{"key", "value"}});
  ASSERT_TRUE(rig_->Answered(1));
  ASSERT_EQ(rig_->here->contexts.size(), 1U);
  const CallContext& context = *rig_->here->contexts[0];
  EXPECT_EQ(context.method(), "/docker.swarmkit.v1.Control/GetNode");
  ASSERT_TRUE(context.caller().has_value());
  EXPECT_EQ(context.caller()->node_id, "node");
  EXPECT_EQ(context.metadata().count("key"), 1U);
}

TEST_P(ProxySuite, AnswersWhyItCannotWhenNobodyLeads) {
  rig_->Call("hello");
  ASSERT_TRUE(rig_->Answered(1)) << "a call without a leader must not hang";
  EXPECT_FALSE(rig_->replies[0].ok());
  EXPECT_FALSE(rig_->replies[0].status().message().empty());
  EXPECT_TRUE(rig_->here->contexts.empty());
}

TEST_P(ProxySuite, StopsCallingHereOnceLeadershipIsLost) {
  rig_->Lead();
  rig_->Follow();
  rig_->Call("hello");
  ASSERT_TRUE(rig_->Answered(1));
  EXPECT_FALSE(rig_->replies[0].ok());
  EXPECT_TRUE(rig_->here->contexts.empty());
}

TEST_P(ProxySuite, CallsHereAgainWithTheNextLeadership) {
  rig_->Lead();
  rig_->Follow();
  rig_->Lead();
  rig_->Call("again");
  ASSERT_TRUE(rig_->Answered(1));
  EXPECT_TRUE(rig_->replies[0].ok()) << rig_->replies[0].status();
}

TEST_P(ProxySuite, NeverPassesOnWhatWasPassedOnBefore) {
  rig_->Call("hello", {{"redirect", "10.0.0.1:4242"}});
  ASSERT_TRUE(rig_->Answered(1));
  EXPECT_FALSE(rig_->replies[0].ok());
  EXPECT_TRUE(rig_->here->contexts.empty());
}

TEST_P(ProxySuite, AnswersWhatWasPassedOnWhileLeading) {
  rig_->Lead();
  rig_->Call("hello", {{"redirect", "10.0.0.1:4242"}});
  ASSERT_TRUE(rig_->Answered(1));
  EXPECT_TRUE(rig_->replies[0].ok()) << rig_->replies[0].status();
}

TEST_P(ProxySuite, RepliesOnceToEveryCall) {
  rig_->Lead();
  for (int i = 0; i < 100; ++i) rig_->Call(std::to_string(i));
  rig_->Follow();
  for (int i = 0; i < 100; ++i) rig_->Call(std::to_string(i));
  ASSERT_TRUE(rig_->Answered(200));
  rig_->sim.RunFor(kPatience);
  EXPECT_EQ(rig_->replies.size(), 200U);
}

TEST_P(ProxySuite, LetsAHandlerReplyLongAfterTheProxyStopped) {
  rig_->Lead();
  rig_->here->keep = true;
  rig_->Call("late");
  rig_->sim.Settle();
  ASSERT_EQ(rig_->here->kept.size(), 1U);
  rig_->Stop();
  rig_->here->kept[0](Payload::FromBytes("answer"));
  rig_->here->kept.clear();
  ASSERT_TRUE(rig_->Answered(1));
}

TEST_P(ProxySuite, PassesErrorsOfTheHandlerOnUnchanged) {
  rig_->Lead();
  rig_->here->keep = true;
  rig_->Call("x");
  rig_->sim.Settle();
  ASSERT_EQ(rig_->here->kept.size(), 1U);
  const Status error(Code::kNotFound, "node x not found");
  rig_->here->kept[0](error);
  ASSERT_TRUE(rig_->Answered(1));
  EXPECT_EQ(rig_->replies[0].status(), error);
}

TEST_P(ProxySuite, OpensStreamsHereWhileThisManagerLeads) {
  rig_->Lead();
  const auto streams = std::make_shared<CountingStreams>();
  const auto stream = std::make_shared<FakeStream>();
  rig_->proxy->Stream(stream, streams);
  rig_->sim.Settle();
  EXPECT_EQ(streams->opened.size(), 1U);
  EXPECT_TRUE(stream->finished.empty());
}

TEST_P(ProxySuite, EndsStreamsWithAnErrorWhenNobodyLeads) {
  const auto streams = std::make_shared<CountingStreams>();
  const auto stream = std::make_shared<FakeStream>();
  rig_->proxy->Stream(stream, streams);
  rig_->sim.RunUntil([&] { return !stream->finished.empty(); }, kPatience);
  ASSERT_EQ(stream->finished.size(), 1U);
  EXPECT_FALSE(stream->finished[0].ok());
  EXPECT_TRUE(streams->opened.empty());
}

TEST_P(ProxySuite, StopTwiceIsHarmless) {
  rig_->Stop();
  rig_->Stop();
}

}  // namespace swarm::conformance
