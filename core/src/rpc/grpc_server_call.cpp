#include "rpc/grpc_server_call.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "rpc/grpc_bytes.h"
#include "rpc/method_table.h"

namespace swarm::rpc {
namespace {

// gRPC names the peer by the abstract address its socket is connected to.
constexpr std::string_view kPeerPrefix = "unix-abstract:";

std::string NameOf(const std::string& peer) {
  if (!std::string_view(peer).starts_with(kPeerPrefix)) return "";
  return peer.substr(kPeerPrefix.size());
}

CallInfo Describe(const GrpcServerOptions& options, const Peer& peer,
                  const grpc::GenericCallbackServerContext& context) {
  CallInfo info;
  info.method = context.method();
  info.listener = options.listener;
  info.caller = peer.identity;
  info.remote_address = peer.address;
  for (const auto& [key, value] : context.client_metadata()) {
    if (key == "user-agent") continue;  // of every call, and of no use to a handler
    info.metadata.emplace(std::string(key.data(), key.size()),
                          std::string(value.data(), value.size()));
  }
  const auto deadline = context.deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    info.deadline = options.clock->SteadyNow() + (deadline - std::chrono::system_clock::now());
  }
  return info;
}

class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

// What a handler has of a stream.
class GrpcServerCall::Stream final : public ServerStream {
 public:
  explicit Stream(std::shared_ptr<GrpcServerCall> call)
      : call_(std::move(call)), context_(call_->context()) {}
  ~Stream() override {
    call_->End({Code::kCancelled, context_->method() + " was given up by its handler"});
  }
  const CallContextPtr& context() const noexcept override { return context_; }
  void Read(Function<void(std::optional<Payload>)> done) noexcept override {
    call_->Read(std::move(done));
  }
  void Send(Payload message, Function<void(bool)> done) noexcept override {
    call_->Send(std::move(message), std::move(done));
  }
  void Finish(Status status) noexcept override { call_->End(std::move(status)); }

 private:
  const std::shared_ptr<GrpcServerCall> call_;
  const CallContextPtr context_;
};

// The reply of a unary call; answers Internal when it is dropped.
class GrpcServerCall::Reply {
 public:
  explicit Reply(std::shared_ptr<GrpcServerCall> call) : call_(std::move(call)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) = delete;
  ~Reply() {
    if (call_) call_->AnswerUnary(NoReply(call_->state_.method()));
  }
  void operator()(Result<Payload> result) {
    if (auto call = std::exchange(call_, nullptr)) call->AnswerUnary(std::move(result));
  }

 private:
  std::shared_ptr<GrpcServerCall> call_;
};

grpc::ServerGenericBidiReactor* GrpcServerCall::Begin(const GrpcServerOptions& options,
                                                      grpc::GenericCallbackServerContext& context) {
  const auto peer = options.find_peer(NameOf(context.peer()));
  if (!peer) {
    return new Refusal({grpc::StatusCode::UNAVAILABLE, "the connection of this call has ended"});
  }
  auto call = std::make_shared<GrpcServerCall>(Describe(options, *peer, context));
  call->self_ = call;
  const Method* method = MethodTable::Get().Find(call->state_.method());
  if (method != nullptr && method->unary()) {
    call->BeginUnary(*options.target);
  } else {
    call->BeginStream(*options.target);  // also what nobody knows: the target says so
  }
  return call.get();
}

GrpcServerCall::GrpcServerCall(CallInfo info) : state_(std::move(info)) {}
GrpcServerCall::~GrpcServerCall() = default;

void GrpcServerCall::BeginUnary(CallTarget& target) {
  unary_target_ = &target;
  StartRead(&incoming_);
}

void GrpcServerCall::BeginStream(CallTarget& target) {
  target.Stream(std::make_shared<Stream>(shared_from_this()));
}

void GrpcServerCall::AnswerUnary(Result<Payload> result) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;
    if (result.ok()) {
      outgoing_ = ToBuffer(*result);
      StartWriteAndFinish(&outgoing_, grpc::WriteOptions(), grpc::Status::OK);
    } else {
      Finish(ToGrpc(result.status()));
    }
  }
  state_.End();
}

void GrpcServerCall::Read(Function<void(std::optional<Payload>)> done) {
  {
    std::lock_guard lock(mutex_);
    if (!finished_) {
      read_ = std::move(done);
      StartRead(&incoming_);
      return;
    }
  }
  done(std::nullopt);
}

void GrpcServerCall::Send(Payload message, Function<void(bool)> done) {
  {
    std::lock_guard lock(mutex_);
    if (!finished_ && !end_) {
      queue_.push_back({ToBuffer(message), std::move(done)});
      Advance();
      return;
    }
  }
  done(false);
}

void GrpcServerCall::End(Status status) {
  {
    std::lock_guard lock(mutex_);
    if (finished_ || end_) return;
    end_ = std::move(status);
    Advance();
  }
  state_.End();
}

void GrpcServerCall::Advance() {
  if (write_pending_ || finished_) return;
  if (!queue_.empty()) {
    outgoing_ = std::move(queue_.front().bytes);
    writing_ = std::move(queue_.front().done);
    queue_.pop_front();
    write_pending_ = true;
    StartWrite(&outgoing_);
    return;
  }
  if (!end_) return;
  finished_ = true;
  Finish(ToGrpc(*end_));
}

void GrpcServerCall::OnReadDone(bool ok) {
  if (unary_target_ != nullptr) {
    auto* target = std::exchange(unary_target_, nullptr);
    if (!ok) return AnswerUnary(Status(Code::kUnimplemented, "the call came without a request"));
    auto request = ToPayload(incoming_);
    incoming_.Clear();
    return target->Unary(context(), std::move(request), Reply(shared_from_this()));
  }
  Function<void(std::optional<Payload>)> done;
  std::optional<Payload> message;
  {
    std::lock_guard lock(mutex_);
    done = std::exchange(read_, nullptr);
    if (ok) message = ToPayload(incoming_);
    incoming_.Clear();
  }
  done(std::move(message));
}

void GrpcServerCall::OnWriteDone(bool ok) {
  Function<void(bool)> done;
  std::deque<Outgoing> lost;
  {
    std::lock_guard lock(mutex_);
    write_pending_ = false;
    done = std::exchange(writing_, nullptr);
    outgoing_.Clear();
    if (!ok) lost.swap(queue_);  // the peer is gone; OnCancel says the same
    Advance();
  }
  if (done) done(ok);
  for (auto& message : lost) message.done(false);
}

void GrpcServerCall::OnCancel() {
  state_.Cancel();
  std::deque<Outgoing> lost;
  {
    std::lock_guard lock(mutex_);
    if (!finished_) {
      lost.swap(queue_);
      if (!end_) end_ = Status(Code::kCancelled, "the caller has given up");
      Advance();
    }
  }
  for (auto& message : lost) message.done(false);
}

void GrpcServerCall::OnDone() {
  state_.End();
  const auto last = std::move(self_);
}

}  // namespace swarm::rpc
