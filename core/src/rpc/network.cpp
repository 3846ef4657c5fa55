#include "rpc/network.h"

#include <mutex>
#include <utility>

#include "rpc/grpc_channel.h"
#include "tls/forwarder.h"

namespace swarm::rpc {
namespace {

using ContextResult = Result<std::shared_ptr<const tls::TlsContext>>;

// Makes a context of the present credentials, again only when they have changed.
class CurrentContext {
 public:
  explicit CurrentContext(std::function<std::shared_ptr<const Credentials>()> source)
      : source_(std::move(source)) {}

  ContextResult Get() {
    auto credentials = source_ ? source_() : nullptr;
    if (!credentials) {
      return Status(Code::kFailedPrecondition, "this node has no certificate yet");
    }
    std::lock_guard lock(mutex_);
    if (credentials == made_of_) return context_;
    SWARM_ASSIGN_OR_RETURN(context_, tls::TlsContext::Make(*credentials));
    made_of_ = std::move(credentials);
    return context_;
  }

 private:
  const std::function<std::shared_ptr<const Credentials>()> source_;
  std::mutex mutex_;  // guards the rest
  std::shared_ptr<const Credentials> made_of_;
  std::shared_ptr<const tls::TlsContext> context_;
};

class TlsNetwork final : public Network {
 public:
  explicit TlsNetwork(NetworkOptions options)
      : io_(options.io ? std::move(options.io) : MakeIoThread()),
        logger_(std::move(options.logger)),
        current_(std::make_shared<CurrentContext>(std::move(options.credentials))) {}

  Result<std::shared_ptr<Channel>> Dial(std::string_view address,
                                        DialOptions options) noexcept override {
    tls::ForwarderOptions forwarding;
    SWARM_ASSIGN_OR_RETURN(forwarding.target, tls::ParseTarget(address));
    if (options.plaintext && !forwarding.target.is_unix()) {
      return Status(Code::kInvalidArgument, "plaintext to " + std::string(address) +
                                                ": only unix sockets are reached in plaintext");
    }
    forwarding.plaintext = options.plaintext;
    forwarding.server_name = options.server_name;
    forwarding.logger = logger_;
    SWARM_ASSIGN_OR_RETURN(forwarding.context, ContextSource(options));
    GrpcChannelOptions channel;
    channel.authority = forwarding.target.is_unix() ? "localhost" : forwarding.target.Printed();
    SWARM_ASSIGN_OR_RETURN(auto made, tls::Forwarder::Start(io_, std::move(forwarding)));
    const std::shared_ptr<tls::Forwarder> forwarder(std::move(made));
    channel.abstract_name = forwarder->name();
    channel.max_receive_bytes = options.max_receive_bytes;
    channel.last_error = [forwarder] { return forwarder->last_error(); };
    return MakeGrpcChannel(std::move(channel));
  }

 private:
  Result<std::function<ContextResult()>> ContextSource(const DialOptions& options) const {
    if (!options.credentials && options.server_name) {
      return std::function<ContextResult()>([current = current_] { return current->Get(); });
    }
    SWARM_ASSIGN_OR_RETURN(
        auto context,
        tls::TlsContext::Make(options.credentials ? *options.credentials : Credentials()));
    return std::function<ContextResult()>(
        [context = std::move(context)]() -> ContextResult { return context; });
  }

  const std::shared_ptr<tls::IoThread> io_;
  const Logger logger_;
  const std::shared_ptr<CurrentContext> current_;
};

}  // namespace

std::unique_ptr<Network> MakeNetwork(NetworkOptions options) {
  return std::make_unique<TlsNetwork>(std::move(options));
}

}  // namespace swarm::rpc
