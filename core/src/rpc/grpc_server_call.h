// One call of the generic service, unary or streaming. Only grpc_server*.cpp include this.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "rpc/call_state.h"
#include "rpc/grpc_server.h"

namespace swarm::rpc {

// gRPC holds one reference until OnDone, the handler others as long as it likes.
// Threading: [any]. Callbacks of handlers never run under the lock; gRPC's functions may, as they
// call back only from threads of their own.
class GrpcServerCall final : public grpc::ServerGenericBidiReactor,
                             public std::enable_shared_from_this<GrpcServerCall> {
 public:
  // What gRPC wants to have for a new call. Never null.
  static grpc::ServerGenericBidiReactor* Begin(const GrpcServerOptions& options,
                                               grpc::GenericCallbackServerContext& context);

  explicit GrpcServerCall(CallInfo info);
  ~GrpcServerCall() override;

  CallContextPtr context() { return {shared_from_this(), &state_}; }

  // For the stream handle.
  void Read(Function<void(std::optional<Payload>)> done);
  void Send(Payload message, Function<void(bool)> done);
  // After what is queued; the first call wins.
  void End(Status status);

 private:
  class Stream;
  class Reply;
  struct Outgoing {
    grpc::ByteBuffer bytes;
    Function<void(bool)> done;
  };

  void BeginUnary(CallTarget& target);
  void BeginStream(CallTarget& target);
  void AnswerUnary(Result<Payload> result);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Under the lock: starts the next write or the end, when it is their turn.
  void Advance();

  CallState state_;
  std::shared_ptr<GrpcServerCall> self_;  // until OnDone
  CallTarget* unary_target_ = nullptr;    // a unary call whose request is awaited

  std::mutex mutex_;  // guards the rest
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  Function<void(std::optional<Payload>)> read_;
  Function<void(bool)> writing_;  // done of the write under way
  std::deque<Outgoing> queue_;
  std::optional<Status> end_;  // to come after the queue
  bool write_pending_ = false;
  bool finished_ = false;  // gRPC was told the end
};

}  // namespace swarm::rpc
