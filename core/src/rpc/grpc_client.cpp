#include "rpc/grpc_client.h"

#include <chrono>
#include <utility>
#include <vector>

namespace swarm::rpc {

GrpcConnection::GrpcConnection(std::shared_ptr<grpc::Channel> channel,
                               std::function<std::string()> last_error)
    : stub_(std::move(channel)), last_error_(std::move(last_error)) {}

Status GrpcConnection::Explain(const grpc::Status& status) const {
  Status out = FromGrpc(status);
  if (out.code() != Code::kUnavailable) return out;
  const std::string why = last_error_();
  if (why.empty()) return out;
  return {out.code(), out.message() + ": " + why};
}

bool GrpcConnection::Begin(grpc::ClientContext& context) {
  std::lock_guard lock(mutex_);
  if (!closed_) calls_.insert(&context);
  return !closed_;
}

void GrpcConnection::End(grpc::ClientContext& context) {
  std::lock_guard lock(mutex_);
  calls_.erase(&context);
}

void GrpcConnection::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  // Cancelling only asks: no callback runs inside, and a context stays while it is in the set.
  for (auto* context : calls_) context->TryCancel();
}

void Prepare(grpc::ClientContext& context, const CallOptions& options) {
  if (options.timeout) {
    context.set_deadline(std::chrono::system_clock::now() + *options.timeout);
  }
  context.set_wait_for_ready(options.wait_for_ready);
  for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
}

GrpcClientCall::GrpcClientCall(std::shared_ptr<GrpcConnection> connection,
                               Function<void(Result<Payload>)> done)
    : connection_(std::move(connection)), done_(std::move(done)) {}

void GrpcClientCall::Start(std::string_view method, const CallOptions& options,
                           const Payload& request) {
  Prepare(context_, options);
  request_ = ToBuffer(request);
  if (!connection_->Begin(context_)) context_.TryCancel();
  connection_->stub().UnaryCall(&context_, std::string(method), grpc::StubOptions(), &request_,
                                &response_,
                                [call = shared_from_this()](const grpc::Status& status) {
                                  call->connection_->End(call->context_);
                                  auto done = std::exchange(call->done_, nullptr);
                                  if (status.ok()) return done(ToPayload(call->response_));
                                  done(call->connection_->Explain(status));
                                });
}

GrpcClientStream::GrpcClientStream(std::shared_ptr<GrpcConnection> connection)
    : connection_(std::move(connection)) {}

GrpcClientStream::~GrpcClientStream() = default;

void GrpcClientStream::Start(std::string_view method, const CallOptions& options) {
  Prepare(context_, options);
  if (!connection_->Begin(context_)) context_.TryCancel();
  self_ = shared_from_this();
  connection_->stub().PrepareBidiStreamingCall(&context_, std::string(method), grpc::StubOptions(),
                                               this);
  AddHold();
  StartCall();
}

void GrpcClientStream::Send(Payload message, Function<void(bool)> done) {
  {
    std::lock_guard lock(mutex_);
    if (!let_go_ && !half_closed_) {
      queue_.push_back({ToBuffer(message), std::move(done)});
      Advance();
      return;
    }
  }
  done(false);
}

void GrpcClientStream::CloseSend() {
  std::lock_guard lock(mutex_);
  half_closed_ = true;
  Advance();
}

void GrpcClientStream::Advance() {
  if (write_pending_ || let_go_) return;
  if (!queue_.empty()) {
    outgoing_ = std::move(queue_.front().bytes);
    writing_ = std::move(queue_.front().done);
    queue_.pop_front();
    write_pending_ = true;
    StartWrite(&outgoing_);
    return;
  }
  if (half_closed_ && !std::exchange(told_half_closed_, true)) StartWritesDone();
}

void GrpcClientStream::LetGo() {
  if (!std::exchange(let_go_, true)) RemoveHold();
}

void GrpcClientStream::Read(ReadFn done) {
  std::optional<Status> end;
  {
    std::lock_guard lock(mutex_);
    if (!end_) {
      read_ = std::move(done);
      if (let_go_ || reading_) return;  // OnDone, or the read under way, will tell
      reading_ = true;
      StartRead(&incoming_);
      return;
    }
    end = end_;
  }
  if (end->ok()) return done(std::optional<Payload>());
  done(*end);
}

void GrpcClientStream::Cancel() {
  context_.TryCancel();
  std::lock_guard lock(mutex_);
  LetGo();
}

void GrpcClientStream::OnReadDone(bool ok) {
  ReadFn done;
  std::optional<Payload> message;
  {
    std::lock_guard lock(mutex_);
    reading_ = false;
    if (!ok) return LetGo();  // the status comes with OnDone
    message = ToPayload(incoming_);
    incoming_.Clear();
    done = std::exchange(read_, nullptr);
  }
  if (done) done(std::move(message));
}

void GrpcClientStream::OnWriteDone(bool ok) {
  Function<void(bool)> done;
  std::deque<Outgoing> lost;
  {
    std::lock_guard lock(mutex_);
    write_pending_ = false;
    done = std::exchange(writing_, nullptr);
    outgoing_.Clear();
    if (!ok) lost.swap(queue_);
    if (ok) Advance();
  }
  if (done) done(ok);
  for (auto& message : lost) message.done(false);
}

void GrpcClientStream::OnDone(const grpc::Status& status) {
  connection_->End(context_);
  ReadFn done;
  std::deque<Outgoing> lost;
  Status end = connection_->Explain(status);
  {
    std::lock_guard lock(mutex_);
    let_go_ = true;
    end_ = end;
    done = std::exchange(read_, nullptr);
    lost.swap(queue_);
  }
  for (auto& message : lost) message.done(false);
  if (done && end.ok()) {
    done(std::optional<Payload>());
  } else if (done) {
    done(std::move(end));
  }
  const auto last = std::move(self_);
}

}  // namespace swarm::rpc
