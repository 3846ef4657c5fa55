#include "rpc/grpc_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "rpc/grpc_client.h"
#include "rpc/grpc_threads.h"

namespace swarm::rpc {
namespace {

// A peer that comes back is found soon; one that stays away costs little.
constexpr int kFirstBackoffMs = 200;
constexpr int kMaxBackoffMs = 5000;

// What the caller has of a stream: letting go of it cancels.
class StreamHandle final : public ClientStream {
 public:
  explicit StreamHandle(std::shared_ptr<GrpcClientStream> stream) : stream_(std::move(stream)) {}
  ~StreamHandle() override { stream_->Cancel(); }
  void Send(Payload message, Function<void(bool)> done) noexcept override {
    stream_->Send(std::move(message), std::move(done));
  }
  void CloseSend() noexcept override { stream_->CloseSend(); }
  void Read(Function<void(Result<std::optional<Payload>>)> done) noexcept override {
    stream_->Read(std::move(done));
  }
  void Cancel() noexcept override { stream_->Cancel(); }

 private:
  const std::shared_ptr<GrpcClientStream> stream_;
};

class GrpcChannel final : public Channel {
 public:
  explicit GrpcChannel(std::shared_ptr<GrpcConnection> connection)
      : connection_(std::move(connection)) {}
  ~GrpcChannel() override { connection_->Close(); }

  std::shared_ptr<PendingCall> Call(std::string_view method, CallOptions options, Payload request,
                                    Function<void(Result<Payload>)> done) noexcept override {
    auto call = std::make_shared<GrpcClientCall>(connection_, std::move(done));
    call->Start(method, options, request);
    return call;
  }
  std::shared_ptr<ClientStream> Open(std::string_view method,
                                     CallOptions options) noexcept override {
    auto stream = std::make_shared<GrpcClientStream>(connection_);
    stream->Start(method, options);
    return std::make_shared<StreamHandle>(std::move(stream));
  }

 private:
  const std::shared_ptr<GrpcConnection> connection_;
};

}  // namespace

std::shared_ptr<Channel> MakeGrpcChannel(GrpcChannelOptions options) {
  KeepGrpcThreads();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(
      options.max_receive_bytes == 0 ? -1 : static_cast<int>(options.max_receive_bytes));
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, options.authority);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstBackoffMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxBackoffMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  auto channel = grpc::CreateCustomChannel("unix-abstract:" + options.abstract_name,
                                           grpc::InsecureChannelCredentials(), arguments);
  return std::make_shared<GrpcChannel>(
      std::make_shared<GrpcConnection>(std::move(channel), std::move(options.last_error)));
}

}  // namespace swarm::rpc
