#include "rpc/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "http2/server.h"
#include "swarm/check.h"
#include "tls/gate.h"

namespace swarm::rpc {

std::shared_ptr<tls::IoThread> MakeIoThread() { return std::make_shared<tls::IoThread>(); }

struct RpcServer::State {
  RpcServerOptions options;
  std::unique_ptr<http2::Server> calls;
  std::mutex mutex;  // guards `gate`, which Stop takes away from whoever uses it
  std::shared_ptr<tls::Gate> gate;
  ino_t socket_inode = 0;

  Result<tls::Fd> Listen() {
    if (options.unix_path.empty()) {
      SWARM_ASSIGN_OR_RETURN(const auto address, tls::ParseHostPort(options.tcp_address));
      return tls::ListenTcp(address);
    }
    auto fd = tls::ListenUnix({options.unix_path, options.mode, options.group});
    struct stat info {};
    if (fd.ok() && stat(options.unix_path.c_str(), &info) == 0) socket_inode = info.st_ino;
    return fd;
  }

  // Unless another process has replaced the file.
  void RemoveSocketFile() {
    struct stat info {};
    const std::string& path = options.unix_path;
    if (path.empty() || stat(path.c_str(), &info) != 0 || info.st_ino != socket_inode) return;
    unlink(path.c_str());
  }

  std::shared_ptr<tls::Gate> Current() {
    std::lock_guard lock(mutex);
    return gate;
  }
  std::shared_ptr<tls::Gate> Exchange(std::shared_ptr<tls::Gate> next) {
    std::lock_guard lock(mutex);
    return std::exchange(gate, std::move(next));
  }
};

RpcServer::RpcServer(RpcServerOptions options) : state_(std::make_unique<State>()) {
  SWARM_CHECK(options.target != nullptr && options.clock != nullptr, "a server serves something");
  SWARM_CHECK(options.unix_path.empty() != options.tcp_address.empty(), "one address a server");
  SWARM_CHECK(!options.plaintext || !options.unix_path.empty(), "plaintext never leaves a machine");
  state_->options = std::move(options);
}

RpcServer::~RpcServer() { Stop(Duration::zero()); }

Result<std::string> RpcServer::Start() {
  auto& options = state_->options;
  SWARM_CHECK(!state_->calls, "a server is started once");
  if (!options.credentials) {
    return Status(Code::kFailedPrecondition, "a server needs a certificate to prove who it is");
  }
  SWARM_ASSIGN_OR_RETURN(auto context, tls::TlsContext::Make(*options.credentials));
  if (!context->has_certificate()) {
    return Status(Code::kFailedPrecondition, "a server needs a certificate to prove who it is");
  }
  if (!options.io) options.io = MakeIoThread();
  SWARM_ASSIGN_OR_RETURN(auto listener, state_->Listen());
  http2::ServerOptions serving;
  serving.target = options.target;
  serving.clock = options.clock;
  serving.listener = options.listener;
  state_->calls = std::make_unique<http2::Server>(options.io, serving);
  auto address = tls::BoundAddress(listener.get());
  tls::GateOptions gate_options;
  gate_options.plaintext = options.plaintext;
  gate_options.handshake_timeout = options.handshake_timeout;
  gate_options.greeting_timeout =
      std::min(gate_options.greeting_timeout, options.handshake_timeout);
  gate_options.logger = options.logger.With("listener", address);
  gate_options.serve = [calls = state_->calls.get()](const auto& connection,
                                                     const std::string& peer) {
    return calls->Serve(connection, peer);
  };
  state_->Exchange(std::make_shared<tls::Gate>(options.io, std::move(listener), std::move(context),
                                               std::move(gate_options)));
  return address;
}

Status RpcServer::SetCredentials(const Credentials& credentials) {
  SWARM_ASSIGN_OR_RETURN(auto context, tls::TlsContext::Make(credentials));
  if (!context->has_certificate()) {
    return {Code::kInvalidArgument, "a server needs a certificate to prove who it is"};
  }
  if (const auto gate = state_->Current()) gate->SetContext(std::move(context));
  return Status::Ok();
}

void RpcServer::CloseConnectionsOf(std::string_view node_id) {
  if (const auto gate = state_->Current()) gate->CloseConnectionsOf(node_id);
}

void RpcServer::Stop(Duration grace) {
  if (!state_->calls) return;
  const auto gate = state_->Exchange(nullptr);
  if (gate) gate->StopAccepting();
  state_->RemoveSocketFile();
  state_->calls->Drain(grace);
  if (gate) gate->CloseAll();
  state_->calls.reset();
}

}  // namespace swarm::rpc
