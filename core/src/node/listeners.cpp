#include "node/listeners.h"

#include "rpc/server.h"

namespace swarm::node {
namespace {

// Calls under way at a stop have this long to end.
constexpr Duration kGrace = std::chrono::seconds(2);

class Sockets final : public Listeners {
 public:
  Sockets(const Clock& clock, Logger logger)
      : clock_(clock), logger_(std::move(logger)), io_(rpc::MakeIoThread()) {}

  Status Start(const config::NodeConfig::Listen& listen,
               std::shared_ptr<const Credentials> credentials, CallTarget& target) override {
    rpc::RpcServerOptions options;
    options.io = io_;
    options.target = &target;
    options.clock = &clock_;
    options.logger = logger_;
    options.credentials = std::move(credentials);
    if (!listen.remote.empty()) {
      rpc::RpcServerOptions remote = options;
      remote.listener = Listener::kRemote;
      remote.tcp_address = listen.remote;
      SWARM_ASSIGN_OR_RETURN(remote_address_, Open(std::move(remote), &remote_));
    }
    if (!listen.control.socket.empty()) {
      options.listener = Listener::kLocal;
      options.unix_path = listen.control.socket;
      options.mode = listen.control.mode;
      options.group = listen.control.group;
      options.plaintext = listen.control.plaintext;
      const auto bound = Open(std::move(options), &local_);
      if (!bound.ok()) {
        Stop();
        return bound.status();
      }
    }
    return Status::Ok();
  }

  std::string remote_address() const override { return remote_address_; }

  void SetCredentials(std::shared_ptr<const Credentials> credentials) override {
    for (auto* server : {local_.get(), remote_.get()}) {
      if (server == nullptr) continue;
      const Status set = server->SetCredentials(*credentials);
      if (!set.ok()) logger_.Error("new credentials refused", {{"error", set.message()}});
    }
  }

  void CloseConnectionsOf(const std::string& node_id) override {
    if (remote_) remote_->CloseConnectionsOf(node_id);
  }

  void Stop() override {
    for (auto* server : {&local_, &remote_}) {
      if (*server == nullptr) continue;
      (*server)->Stop(kGrace);
      server->reset();
    }
  }

 private:
  Result<std::string> Open(rpc::RpcServerOptions options, std::unique_ptr<rpc::RpcServer>* into) {
    *into = std::make_unique<rpc::RpcServer>(std::move(options));
    auto bound = (*into)->Start();
    if (!bound.ok()) {
      into->reset();
      return bound.status();
    }
    logger_.Info("listening", {{"address", *bound}});
    return bound;
  }

  const Clock& clock_;
  const Logger logger_;
  const std::shared_ptr<tls::IoThread> io_;
  std::unique_ptr<rpc::RpcServer> local_;
  std::unique_ptr<rpc::RpcServer> remote_;
  std::string remote_address_;
};

}  // namespace

std::unique_ptr<Listeners> MakeListeners(Runtime& runtime, Logger logger) {
  return std::make_unique<Sockets>(runtime.clock(), logger.ForModule("listener"));
}

}  // namespace swarm::node
