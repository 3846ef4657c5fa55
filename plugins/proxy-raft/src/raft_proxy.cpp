#include "raft_proxy.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "refusals.h"
#include "stream_bridge.h"
#include "swarm/ca.h"

namespace swarm::proxy_raft {
namespace {

using std::chrono::milliseconds;

// How often a waiting call looks for a leader, and how long one without a deadline does: in a group
// with Docker Engines nobody may be elected for 20 s.
constexpr Duration kLook = milliseconds(25);
constexpr Duration kPatience = std::chrono::seconds(30);
// A leader that could not be reached is tried again, until another one is known, after pauses that
// double up to this.
constexpr Duration kLongestPause = milliseconds(500);

// What the leader is told of the caller. SwarmKit's rules: a call from the local socket goes out as
// this manager's own; every other names its caller, also one without a certificate, or the leader
// would take this manager for it.
Metadata Forwarded(const CallContext& context) {
  Metadata metadata;
  metadata.emplace("redirect", context.remote_address());
  if (context.listener() == Listener::kLocal) return metadata;
  const Identity nobody;
  const Identity& caller = context.caller() ? *context.caller() : nobody;
  metadata.emplace("forwarded_cert", "true");
  metadata.emplace("forwarded_cert_cn", caller.node_id);
  metadata.emplace("forwarded_cert_org", caller.organization);
  for (const std::string& role : caller.roles) metadata.emplace("forwarded_cert_ou", role);
  metadata.emplace("remote_addr", context.remote_address());
  return metadata;
}

}  // namespace

// Calls outlive the proxy's stop, so they hold this.
class RaftProxy::Core : public std::enable_shared_from_this<RaftProxy::Core> {
 public:
  explicit Core(ProxyParts parts)
      : parts_(std::move(parts)), loop_(parts_.runtime->NewLoop("proxy", LoopKind::kShared)) {}

  // A call on its way to whoever leads.
  struct Call {
    CallContextPtr context;
    SteadyTime give_up;
    // The leader that did not get it, and when that one is tried again.
    std::string missed;
    SteadyTime next_try;
    Duration pause = kLook;
    // This manager leads; that one does; nobody will in time.
    Function<void()> here;
    Function<void(std::shared_ptr<Channel>, CallOptions)> there;
    Function<void(Status)> refuse;
  };

  void Begin(const std::shared_ptr<Call>& call) {
    // A little before the deadline, so that the caller hears why.
    const auto deadline = call->context->deadline();
    call->give_up = deadline ? *deadline - milliseconds(100) : Now() + kPatience;
    Find(call);
  }

  void Find(const std::shared_ptr<Call>& call) {
    if (stopped() || call->context->cancelled()) return call->refuse(Stopped());
    const LeaderInfo leader = parts_.consensus->Leader();
    if (leader.self) return call->here();
    const bool known = !leader.node_id.empty();
    const bool missed = known && leader.node_id == call->missed && Now() < call->next_try;
    if (known && !missed) return PassOn(call, leader);
    const std::vector<Member> members = parts_.consensus->Members();
    const bool hopeless = !known && LacksQuorum(members);
    if (hopeless || Now() >= call->give_up) return call->refuse(NoLeader(members));
    Wait(call);
  }

  // The leader did not get it, or was none, or it changes nothing: once more, if there is time.
  bool Retry(const std::shared_ptr<Call>& call, const Status& outcome) {
    const bool safe = NeverArrived(outcome) ||
                      (outcome.code() == Code::kUnavailable && OnlyReads(call->context->method()));
    if (!safe || Now() >= call->give_up || stopped()) return false;
    Forget();
    call->next_try = Now() + call->pause;
    call->pause = std::min(2 * call->pause, kLongestPause);
    Wait(call);
    return true;
  }

  void Stop() {
    std::vector<std::shared_ptr<Call>> waiting;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      channel_.reset();
      waiting.swap(waiting_);
    }
    for (const auto& call : waiting) call->refuse(Stopped());
    loop_->Stop();
    look_.reset();
  }

 private:
  static Status Stopped() {
    return {Code::kUnavailable, "this manager is stopping; ask another one"};
  }
  SteadyTime Now() const { return parts_.runtime->clock().SteadyNow(); }
  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }
  void Wait(const std::shared_ptr<Call>& call) {
    {
      const std::lock_guard lock(mutex_);
      if (!stopped_) {
        waiting_.push_back(call);
        if (std::exchange(looking_, true)) return;
      }
    }
    if (stopped()) return call->refuse(Stopped());
    loop_->Post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->look_ = self->loop_->After(kLook, [weak] {
        if (const auto core = weak.lock()) core->Look();
      });
    });
  }

  // [loop]
  void Look() {
    std::vector<std::shared_ptr<Call>> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
      looking_ = false;
    }
    for (const auto& call : waiting) Find(call);
  }

  void Forget() {
    const std::lock_guard lock(mutex_);
    channel_.reset();
    address_.clear();
  }

  void PassOn(const std::shared_ptr<Call>& call, const LeaderInfo& leader) {
    if (Status first = CheckFirstHop(call->context->metadata()); !first.ok()) {
      return call->refuse(std::move(first));
    }
    if (std::exchange(call->missed, leader.node_id) != leader.node_id) call->pause = kLook;
    Result<std::shared_ptr<Channel>> channel = ChannelTo(leader.address);
    if (!channel.ok()) return call->refuse(channel.status());
    CallOptions options;
    options.metadata = Forwarded(*call->context);
    if (const auto deadline = call->context->deadline()) {
      options.timeout = *deadline - Now();
    }
    call->there(*std::move(channel), std::move(options));
  }

  // One connection serves all calls, until another leads.
  Result<std::shared_ptr<Channel>> ChannelTo(const std::string& address) {
    {
      const std::lock_guard lock(mutex_);
      if (channel_ && address == address_) return channel_;
    }
    if (parts_.network == nullptr) {
      return Status(Code::kUnavailable, "this manager has no network to reach the leader by");
    }
    DialOptions options;
    options.server_name = "swarm-manager";
    if (parts_.credentials) options.credentials = parts_.credentials();
    SWARM_ASSIGN_OR_RETURN(std::shared_ptr<Channel> channel,
                           parts_.network->Dial(address, std::move(options)));
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      channel_ = channel;
      address_ = address;
    }
    return channel;
  }

  const ProxyParts parts_;
  std::mutex mutex_;  // guards what follows
  bool stopped_ = false;
  std::string address_;
  std::shared_ptr<Channel> channel_;
  std::vector<std::shared_ptr<Call>> waiting_;
  bool looking_ = false;         // Look will run
  std::unique_ptr<Timer> look_;  // [loop]
  const std::unique_ptr<Loop> loop_;
};

RaftProxy::RaftProxy(ProxyParts parts) : core_(std::make_shared<Core>(std::move(parts))) {}
RaftProxy::~RaftProxy() { core_->Stop(); }

void RaftProxy::Stop(Function<void()> done) noexcept {
  core_->Stop();
  done();
}

void RaftProxy::Unary(CallContextPtr context, Payload request, UnaryReply reply,
                      std::shared_ptr<UnaryHandler> here) noexcept {
  auto call = std::make_shared<Core::Call>();
  auto answer = std::make_shared<UnaryReply>(std::move(reply));
  call->context = context;
  call->refuse = [answer](Status why) { (*answer)(std::move(why)); };
  call->here = [context, request, answer, here = std::move(here)] {
    here->Handle(context, request, std::move(*answer));
  };
  call->there = [core = core_, weak = std::weak_ptr(call), request, answer](
                    const std::shared_ptr<Channel>& channel, CallOptions options) {
    const auto self = weak.lock();  // whoever calls this has it
    auto pending = channel->Call(self->context->method(), std::move(options), request,
                                 // The channel is kept until it has answered.
                                 [core, self, answer, channel](Result<Payload> result) {
                                   if (!result.ok() && core->Retry(self, result.status())) return;
                                   (*answer)(std::move(result));
                                 });
    self->context->OnCancel([pending] { pending->Cancel(); });
  };
  core_->Begin(call);
}

void RaftProxy::Stream(ServerStreamPtr stream, std::shared_ptr<StreamHandler> here) noexcept {
  auto call = std::make_shared<Core::Call>();
  call->context = stream->context();
  call->refuse = [stream](Status why) { stream->Finish(std::move(why)); };
  call->here = [stream, here = std::move(here)] { here->Open(stream); };
  call->there = [stream](const std::shared_ptr<Channel>& channel, CallOptions options) {
    auto leader = channel->Open(stream->context()->method(), std::move(options));
    std::make_shared<StreamBridge>(stream, channel, std::move(leader))->Begin();
  };
  core_->Begin(call);
}

Result<std::unique_ptr<Instance>> Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* consensus, context.Require<Consensus>(kConsensusRole));
  ProxyParts parts;
  parts.runtime = &context.runtime();
  parts.consensus = consensus;
  parts.network = &context.network();
  parts.credentials = [&context]() -> std::shared_ptr<const Credentials> {
    auto* identity = static_cast<IdentityProvider*>(context.Find(kIdentityRole));
    return identity == nullptr ? nullptr : identity->Current(context.node().state_dir);
  };
  return std::unique_ptr<Instance>(std::make_unique<RaftProxy>(std::move(parts)));
}

}  // namespace swarm::proxy_raft
