// Calls of a gRPC channel. Only grpc_c*.cpp include this.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "rpc/grpc_bytes.h"
#include "swarm/rpc.h"

namespace swarm::rpc {

// What all calls of a channel share; lives until the last of them has ended.
// Threading: [any].
class GrpcConnection {
 public:
  GrpcConnection(std::shared_ptr<grpc::Channel> channel, std::function<std::string()> last_error);

  grpc::GenericStub& stub() { return stub_; }
  // With the reason why there is no connection, which gRPC does not know.
  Status Explain(const grpc::Status& status) const;

  // Calls under way, by their contexts. False: the channel was closed, the call is not to begin.
  bool Begin(grpc::ClientContext& context);
  void End(grpc::ClientContext& context);
  // Cancels every call.
  void Close();

 private:
  grpc::GenericStub stub_;
  const std::function<std::string()> last_error_;
  std::mutex mutex_;  // guards the rest
  std::unordered_set<grpc::ClientContext*> calls_;
  bool closed_ = false;
};

void Prepare(grpc::ClientContext& context, const CallOptions& options);

class GrpcClientCall final : public PendingCall,
                             public std::enable_shared_from_this<GrpcClientCall> {
 public:
  GrpcClientCall(std::shared_ptr<GrpcConnection> connection, Function<void(Result<Payload>)> done);
  void Start(std::string_view method, const CallOptions& options, const Payload& request);
  void Cancel() noexcept override { context_.TryCancel(); }

 private:
  const std::shared_ptr<GrpcConnection> connection_;
  Function<void(Result<Payload>)> done_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
};

// gRPC holds one reference until OnDone. Callbacks never run under the lock.
class GrpcClientStream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                               public std::enable_shared_from_this<GrpcClientStream> {
 public:
  using ReadFn = Function<void(Result<std::optional<Payload>>)>;

  explicit GrpcClientStream(std::shared_ptr<GrpcConnection> connection);
  ~GrpcClientStream() override;
  void Start(std::string_view method, const CallOptions& options);

  void Send(Payload message, Function<void(bool)> done);
  void CloseSend();
  void Read(ReadFn done);
  void Cancel();

 private:
  struct Outgoing {
    grpc::ByteBuffer bytes;
    Function<void(bool)> done;
  };

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  // Under the lock: starts the next write, or closes our side, when it is their turn.
  void Advance();
  // Under the lock: no operation begins from now on, so that gRPC can tell the end.
  void LetGo();

  const std::shared_ptr<GrpcConnection> connection_;
  grpc::ClientContext context_;
  std::shared_ptr<GrpcClientStream> self_;  // until OnDone

  std::mutex mutex_;  // guards the rest
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  ReadFn read_;
  Function<void(bool)> writing_;
  std::deque<Outgoing> queue_;
  bool reading_ = false;  // gRPC has a read under way
  bool write_pending_ = false;
  bool half_closed_ = false;
  bool told_half_closed_ = false;
  bool let_go_ = false;
  std::optional<Status> end_;
};

}  // namespace swarm::rpc
