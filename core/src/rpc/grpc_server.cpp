#include "rpc/grpc_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/server_credentials.h>

#include <chrono>
#include <utility>

#include "rpc/grpc_server_call.h"
#include "rpc/grpc_threads.h"

namespace swarm::rpc {
namespace {

// For the preface and the settings of a new connection.
constexpr int kConnectionSetupMs = 5000;

class Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(GrpcServerOptions options) : options_(std::move(options)) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return GrpcServerCall::Begin(options_, *context);
  }

 private:
  const GrpcServerOptions options_;
};

class Implementation final : public GrpcServer {
 public:
  explicit Implementation(GrpcServerOptions options) : service_(options) {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(&service_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_receive_bytes));
    builder.SetMaxSendMessageSize(-1);
    builder.AddChannelArgument("grpc.server_handshake_timeout_ms", kConnectionSetupMs);
    // Peers of other makes ping as they like.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
    // Nobody reads gRPC's own records of connections and calls, which cost memory for each.
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    server_ = builder.BuildAndStart();
  }
  ~Implementation() override { Stop(Duration::zero()); }

  bool started() const { return server_ != nullptr; }

  void HandOver(int fd) override {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.fd = fd;
    acceptor_->HandleNewConnection(&parameters);
  }

  void Stop(Duration grace) override {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    server_->Wait();
    server_.reset();
  }

 private:
  Service service_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

GrpcServer::~GrpcServer() = default;

Result<std::unique_ptr<GrpcServer>> GrpcServer::Start(GrpcServerOptions options) {
  KeepGrpcThreads();
  auto server = std::make_unique<Implementation>(std::move(options));
  if (!server->started()) return Status(Code::kInternal, "the gRPC server did not start");
  return std::unique_ptr<GrpcServer>(std::move(server));
}

}  // namespace swarm::rpc
