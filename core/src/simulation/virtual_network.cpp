#include "simulation/virtual_network.h"

#include <string>
#include <utility>
#include <vector>

#include "simulation/network_core.h"
#include "simulation/virtual_call.h"

namespace swarm {

namespace simulation {

namespace {

constexpr Duration kRetry = std::chrono::milliseconds(100);

class VirtualChannel;

// What a channel's calls need of it; ended with the channel.
struct ChannelState : std::enable_shared_from_this<ChannelState> {
  std::shared_ptr<NetworkCore> core;
  HostPtr host;
  std::string address;
  std::optional<Identity> identity;
  ConnectionPtr connection;
  bool closed = false;
  std::vector<std::weak_ptr<VirtualCall>> calls;

  using Opening = Function<void(CallTarget&)>;
  using OpeningOf = Function<Opening(std::shared_ptr<VirtualContext>)>;

  // Begins the call, now or once somebody can be reached, or ends it with Unavailable.
  void Start(const std::shared_ptr<VirtualCall>& call, std::string method, CallOptions options,
             SteadyTime asked, OpeningOf opening) {
    if (call->client_over() || closed || !host->alive) return;
    if (!connection || connection->broken) connection = core->Connect(host, address, identity);
    if (connection) {
      auto context =
          std::make_shared<VirtualContext>(*connection, std::move(method), options, asked);
      auto open = opening(context);
      call->Begin(connection, std::move(context), std::move(open));
      return;
    }
    if (!options.wait_for_ready) {
      core->Later(core->RandomDelay(), [call, text = "connection to " + address + " refused"] {
        call->ClientEnd({Code::kUnavailable, text});
      });
      return;
    }
    core->Later(
        kRetry, [self = shared_from_this(), call, method = std::move(method),
                 options = std::move(options), asked, opening = std::move(opening)]() mutable {
          self->Start(call, std::move(method), std::move(options), asked, std::move(opening));
        });
  }

  std::shared_ptr<VirtualCall> NewCall(const CallOptions& options) {
    auto call = std::make_shared<VirtualCall>(core, host);
    std::erase_if(calls, [](const auto& weak) { return weak.expired(); });
    calls.push_back(call);
    core->Track(call);
    if (options.timeout) call->SetDeadline(*options.timeout);
    return call;
  }
};

class VirtualChannel final : public Channel {
 public:
  explicit VirtualChannel(std::shared_ptr<ChannelState> state) : state_(std::move(state)) {}
  ~VirtualChannel() override {
    state_->closed = true;
    for (const auto& weak : std::exchange(state_->calls, {})) {
      if (auto call = weak.lock()) call->ClientEnd({Code::kCancelled, "the channel was closed"});
    }
  }

  std::shared_ptr<PendingCall> Call(std::string_view method, CallOptions options, Payload request,
                                    Function<void(Result<Payload>)> done) noexcept override {
    auto call = state_->NewCall(options);
    ReadReply(call, std::move(done));
    state_->Start(
        call, std::string(method), std::move(options), state_->core->now(),
        [call, request = std::move(request)](std::shared_ptr<VirtualContext> context) mutable {
          return [call, context = std::move(context),
                  request = std::move(request)](CallTarget& target) mutable {
            target.Unary(std::move(context), std::move(request), MakeReply(call));
          };
        });
    return MakePendingCall(std::move(call));
  }

  std::shared_ptr<ClientStream> Open(std::string_view method,
                                     CallOptions options) noexcept override {
    auto call = state_->NewCall(options);
    state_->Start(call, std::string(method), std::move(options), state_->core->now(),
                  [call](const std::shared_ptr<VirtualContext>&) {
                    return [call](CallTarget& target) { target.Stream(MakeServerStream(call)); };
                  });
    return MakeClientStream(std::move(call));
  }

 private:
  static void ReadReply(const std::shared_ptr<VirtualCall>& call,
                        Function<void(Result<Payload>)> done) {
    call->ClientReadNext([call,
                          done = std::move(done)](Result<std::optional<Payload>> read) mutable {
      if (!read.ok()) return done(read.status());
      if (!read->has_value()) return done(Status(Code::kInternal, "the reply has no message"));
      // The status comes after the message; a reply has arrived only with both.
      call->ClientReadNext([done = std::move(done),
                            reply = std::move(**read)](Result<std::optional<Payload>> end) mutable {
        if (!end.ok()) return done(end.status());
        done(std::move(reply));
      });
    });
  }

  const std::shared_ptr<ChannelState> state_;
};

class HostNetwork final : public Network {
 public:
  HostNetwork(std::shared_ptr<NetworkCore> core, HostPtr host, std::optional<Identity> identity)
      : core_(std::move(core)), host_(std::move(host)), identity_(std::move(identity)) {}

  Result<std::shared_ptr<Channel>> Dial(std::string_view address, DialOptions) noexcept override {
    if (address.find(':') == std::string_view::npos) {
      return Status(Code::kInvalidArgument,
                    "address " + std::string(address) + ": neither host:port nor unix:///path");
    }
    auto state = std::make_shared<ChannelState>();
    state->core = core_;
    state->host = host_;
    state->address = address;
    state->identity = identity_;
    return std::shared_ptr<Channel>(std::make_shared<VirtualChannel>(std::move(state)));
  }

 private:
  const std::shared_ptr<NetworkCore> core_;
  const HostPtr host_;
  const std::optional<Identity> identity_;
};

class Listening final : public Registration {
 public:
  Listening(std::shared_ptr<NetworkCore> core, std::shared_ptr<ListenPoint> point)
      : core_(std::move(core)), point_(std::move(point)) {}
  ~Listening() override { core_->Unlisten(point_); }

 private:
  const std::shared_ptr<NetworkCore> core_;
  const std::shared_ptr<ListenPoint> point_;
};

}  // namespace

}  // namespace simulation

VirtualNetwork::VirtualNetwork(Simulation& simulation)
    : core_(std::make_shared<simulation::NetworkCore>(simulation)) {}
VirtualNetwork::~VirtualNetwork() { core_->Close(); }

std::unique_ptr<Network> VirtualNetwork::Attach(Machine& machine,
                                                std::optional<Identity> identity) {
  return std::make_unique<simulation::HostNetwork>(core_, core_->HostOf(machine),
                                                   std::move(identity));
}

Result<std::unique_ptr<Registration>> VirtualNetwork::Listen(Machine& machine,
                                                             std::string_view address,
                                                             std::shared_ptr<CallTarget> target,
                                                             Listener listener) {
  auto point = std::make_shared<simulation::ListenPoint>();
  point->address = address;
  point->host = core_->HostOf(machine);
  point->target = std::move(target);
  point->listener = listener;
  SWARM_RETURN_IF_ERROR(core_->Listen(point));
  return std::unique_ptr<Registration>(
      std::make_unique<simulation::Listening>(core_, std::move(point)));
}

void VirtualNetwork::SetDelay(Duration low, Duration high) {
  core_->delay_low = low;
  core_->delay_high = high;
}
void VirtualNetwork::SetLoss(double share) { core_->loss = share; }
void VirtualNetwork::Partition(Machine& a, Machine& b) { core_->SetPartition(a, b, true); }
void VirtualNetwork::Heal(Machine& a, Machine& b) { core_->SetPartition(a, b, false); }
void VirtualNetwork::HealAll() { core_->HealAll(); }
const VirtualNetworkCounters& VirtualNetwork::counters() const { return core_->counters; }

}  // namespace swarm
