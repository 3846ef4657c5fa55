#include "simulation/virtual_call.h"

#include <utility>

namespace swarm::simulation {

VirtualContext::VirtualContext(const Connection& connection, std::string method,
                               const CallOptions& options, SteadyTime now)
    : method_(std::move(method)),
      listener_(connection.server->listener),
      caller_(connection.identity),
      remote_address_(listener_ == Listener::kLocal ? "@" : RemoteAddress(*connection.client)),
      metadata_(options.metadata) {
  if (options.timeout) deadline_ = now + *options.timeout;
}

void VirtualContext::OnCancel(Function<void()> fn) noexcept {
  if (ended_) return;
  if (cancelled_) return fn();
  on_cancel_.push_back(std::move(fn));
}

void VirtualContext::Cancel() {
  if (ended_ || std::exchange(cancelled_, true)) return;
  for (auto& fn : std::exchange(on_cancel_, {})) fn();
}

void VirtualContext::End() {
  ended_ = true;
  auto dropped = std::exchange(on_cancel_, {});
}

VirtualCall::VirtualCall(std::shared_ptr<NetworkCore> core, HostPtr client)
    : core_(std::move(core)), client_(std::move(client)), id_(core_->next_call++) {
  ++core_->counters.calls;
}

void VirtualCall::Begin(ConnectionPtr connection, std::shared_ptr<VirtualContext> context,
                        Function<void(CallTarget&)> opening) {
  connection_ = std::move(connection);
  context_ = std::move(context);
  context_base_ = context_;
  connection_->calls.emplace(id_, shared_from_this());
  core_->Send(connection_, to_server_.last_arrival,
              [self = shared_from_this(), opening = std::move(opening)](bool arrived) mutable {
                if (!arrived || self->server_over_ || !self->server_host()->alive) return;
                // The listener may be gone although its connection is not yet.
                const auto target = self->connection_->server->target;
                if (target) opening(*target);
              });
  for (auto& [message, sent] : std::exchange(to_server_.unsent, {})) {
    ClientSend(std::move(message), std::move(sent));
  }
  if (close_wanted_) ClientCloseSend();
}

void VirtualCall::SetDeadline(Duration timeout) {
  deadline_ = core_->Later(timeout, [weak = weak_from_this()] {
    if (auto self = weak.lock(); self && !self->outcome_ && self->client_->alive) {
      self->ClientEnd({Code::kDeadlineExceeded, "context deadline exceeded"});
      // The server has the same deadline and needs no message to know.
      self->ServerCancelled();
    }
  });
}

void VirtualCall::Answer(Sent done, const HostPtr& host, bool sent) {
  if (!done) return;
  core_->Soon(host, [done = std::move(done), sent]() mutable { done(sent); });
}

void VirtualCall::ClientSend(Payload message, Sent done) {
  if (outcome_) return Answer(std::move(done), client_, false);
  if (!connection_) {
    to_server_.unsent.emplace_back(std::move(message), std::move(done));
    return;
  }
  core_->Send(connection_, to_server_.last_arrival,
              [self = shared_from_this(), message = std::move(message),
               done = std::move(done)](bool arrived) mutable {
                arrived = arrived && !self->server_over_;
                self->Answer(std::move(done), self->client_, arrived);
                if (!arrived) return;
                self->to_server_.inbox.push_back(std::move(message));
                self->FlushServerReads();
              });
}

void VirtualCall::ClientCloseSend() {
  close_wanted_ = true;
  if (outcome_ || !connection_) return;
  core_->Send(connection_, to_server_.last_arrival, [self = shared_from_this()](bool arrived) {
    if (!arrived || self->server_over_) return;
    self->client_closed_ = true;
    self->FlushServerReads();
  });
}

void VirtualCall::ClientReadNext(ClientRead done) {
  client_read_ = std::move(done);
  FlushClientReads();
}

void VirtualCall::FlushClientReads() {
  if (!client_read_ || (to_client_.inbox.empty() && !outcome_)) return;
  Result<std::optional<Payload>> result = std::optional<Payload>();
  if (!to_client_.inbox.empty()) {
    result = std::optional(std::move(to_client_.inbox.front()));
    to_client_.inbox.pop_front();
  } else if (!outcome_->ok()) {
    result = *outcome_;
  }
  core_->Soon(client_, [done = std::exchange(client_read_, nullptr),
                        result = std::move(result)]() mutable { done(std::move(result)); });
}

void VirtualCall::ClientEnd(Status status) {
  if (outcome_) return;
  outcome_ = std::move(status);
  to_client_.inbox.clear();
  for (auto& [message, sent] : std::exchange(to_server_.unsent, {})) {
    Answer(std::move(sent), client_, false);
  }
  FlushClientReads();
  if (!connection_) return;
  core_->Send(connection_, to_server_.last_arrival, [self = shared_from_this()](bool arrived) {
    if (arrived) self->ServerCancelled();
  });
}

void VirtualCall::ServerReadNext(ServerRead done) {
  server_read_ = std::move(done);
  FlushServerReads();
}

void VirtualCall::FlushServerReads() {
  if (!server_read_) return;
  std::optional<Payload> message;
  if (server_over_) {
    // Nothing more is read from a call that has ended.
  } else if (!to_server_.inbox.empty()) {
    message = std::move(to_server_.inbox.front());
    to_server_.inbox.pop_front();
  } else if (!client_closed_) {
    return;
  }
  core_->Soon(server_host(),
              [done = std::exchange(server_read_, nullptr),
               message = std::move(message)]() mutable { done(std::move(message)); });
}

void VirtualCall::ServerSend(Payload message, Sent done) {
  if (server_over_ || !server_host()->alive) return Answer(std::move(done), server_host(), false);
  core_->Send(connection_, to_client_.last_arrival,
              [self = shared_from_this(), message = std::move(message),
               done = std::move(done)](bool arrived) mutable {
                arrived = arrived && !self->outcome_;
                self->Answer(std::move(done), self->server_host(), arrived);
                if (!arrived) return;
                self->to_client_.inbox.push_back(std::move(message));
                self->FlushClientReads();
              });
}

void VirtualCall::ServerFinish(Status status) {
  if (server_over_) return;
  server_over_ = true;
  context_->End();
  FlushServerReads();
  if (!server_host()->alive) return;
  core_->Send(connection_, to_client_.last_arrival,
              [self = shared_from_this(), status = std::move(status)](bool arrived) mutable {
                if (arrived && !self->outcome_) {
                  self->outcome_ = std::move(status);
                  self->FlushClientReads();
                }
                self->Forget();
              });
}

void VirtualCall::ClientLost() {
  if (outcome_ || !client_->alive) return;
  outcome_ = Status(Code::kUnavailable, "connection to " + connection_->server->address + " lost");
  FlushClientReads();
}

void VirtualCall::ServerCancelled() {
  if (!connection_ || server_over_) return;
  server_over_ = true;
  if (server_host()->alive) {
    context_->Cancel();
    FlushServerReads();
  }
  context_->End();
  Forget();
}

void VirtualCall::HostDied(const HostPtr& host) {
  // Out first: what is dropped may call in again.
  auto read = host == client_ ? std::exchange(client_read_, nullptr) : ClientRead();
  auto unsent = host == client_ ? std::exchange(to_server_.unsent, {}) : decltype(Side::unsent)();
  ServerRead server_read;
  if (connection_ && host == server_host()) {
    server_read = std::exchange(server_read_, nullptr);
    server_over_ = true;
    context_->End();
  }
  if (host == client_ && !outcome_) outcome_ = Status(Code::kCancelled, "the process has ended");
}

void VirtualCall::Drop() {
  HostDied(client_);
  if (connection_) HostDied(server_host());
}

void VirtualCall::Forget() { connection_->calls.erase(id_); }

namespace {

class StreamToServer final : public ClientStream {
 public:
  explicit StreamToServer(std::shared_ptr<VirtualCall> call) : call_(std::move(call)) {}
  ~StreamToServer() override { Cancel(); }
  void Send(Payload message, Function<void(bool)> done) noexcept override {
    call_->ClientSend(std::move(message), std::move(done));
  }
  void CloseSend() noexcept override { call_->ClientCloseSend(); }
  void Read(Function<void(Result<std::optional<Payload>>)> done) noexcept override {
    call_->ClientReadNext(std::move(done));
  }
  void Cancel() noexcept override { call_->ClientEnd({Code::kCancelled, "context canceled"}); }

 private:
  const std::shared_ptr<VirtualCall> call_;
};

class StreamToClient final : public ServerStream {
 public:
  explicit StreamToClient(std::shared_ptr<VirtualCall> call) : call_(std::move(call)) {}
  ~StreamToClient() override {
    call_->ServerFinish({Code::kCancelled, "the stream was dropped by its handler"});
  }
  const CallContextPtr& context() const noexcept override { return call_->context(); }
  void Read(Function<void(std::optional<Payload>)> done) noexcept override {
    call_->ServerReadNext(std::move(done));
  }
  void Send(Payload message, Function<void(bool)> done) noexcept override {
    call_->ServerSend(std::move(message), std::move(done));
  }
  void Finish(Status status) noexcept override { call_->ServerFinish(std::move(status)); }

 private:
  const std::shared_ptr<VirtualCall> call_;
};

class UnaryCall final : public PendingCall {
 public:
  explicit UnaryCall(std::shared_ptr<VirtualCall> call) : call_(std::move(call)) {}
  void Cancel() noexcept override { call_->ClientEnd({Code::kCancelled, "context canceled"}); }

 private:
  const std::shared_ptr<VirtualCall> call_;
};

// Answers Internal when it goes away unanswered.
class Replier {
 public:
  explicit Replier(std::shared_ptr<VirtualCall> call) : call_(std::move(call)) {}
  ~Replier() { call_->ServerFinish({Code::kInternal, "the handler did not answer"}); }
  void Reply(Result<Payload> result) {
    if (result.ok()) call_->ServerSend(std::move(*result), nullptr);
    call_->ServerFinish(result.status());
  }

 private:
  const std::shared_ptr<VirtualCall> call_;
};

}  // namespace

std::shared_ptr<ClientStream> MakeClientStream(std::shared_ptr<VirtualCall> call) {
  return std::make_shared<StreamToServer>(std::move(call));
}

ServerStreamPtr MakeServerStream(std::shared_ptr<VirtualCall> call) {
  return std::make_shared<StreamToClient>(std::move(call));
}

std::shared_ptr<PendingCall> MakePendingCall(std::shared_ptr<VirtualCall> call) {
  return std::make_shared<UnaryCall>(std::move(call));
}

UnaryReply MakeReply(std::shared_ptr<VirtualCall> call) {
  return [replier = std::make_unique<Replier>(std::move(call))](Result<Payload> result) {
    replier->Reply(std::move(result));
  };
}

}  // namespace swarm::simulation
