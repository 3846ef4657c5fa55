#include "rpc/loopback_stream.h"

#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace swarm::rpc {

// Threading: [any]. Callbacks are always deferred, so none runs under the lock.
class LoopbackPipe {
 public:
  using SentFn = Function<void(bool)>;
  using ServerReadFn = Function<void(std::optional<Payload>)>;
  using ClientReadFn = Function<void(Result<std::optional<Payload>>)>;

  LoopbackPipe(std::shared_ptr<Deferrer> deferrer, std::shared_ptr<CallState> call)
      : deferrer_(std::move(deferrer)), call_(std::move(call)), context_(call_) {}

  const CallContextPtr& context() const { return context_; }

  void ClientSend(Payload message, SentFn done) {
    std::lock_guard lock(mutex_);
    if (final_ || half_closed_) return Sent(std::move(done), false);
    if (!server_read_) return to_server_.push_back({std::move(message), std::move(done)});
    Sent(std::move(done), true);
    Deliver(std::exchange(server_read_, nullptr), std::optional(std::move(message)));
  }

  void CloseSend() {
    std::lock_guard lock(mutex_);
    half_closed_ = true;
    // A read waits only when nothing is queued.
    if (server_read_) Deliver(std::exchange(server_read_, nullptr), std::optional<Payload>());
  }

  void ServerRead(ServerReadFn done) {
    std::lock_guard lock(mutex_);
    if (!to_server_.empty()) return Deliver(std::move(done), std::optional(Take(to_server_)));
    if (half_closed_ || final_) return Deliver(std::move(done), std::optional<Payload>());
    server_read_ = std::move(done);
  }

  void ServerSend(Payload message, SentFn done) {
    std::lock_guard lock(mutex_);
    if (final_) return Sent(std::move(done), false);
    if (!client_read_) return to_client_.push_back({std::move(message), std::move(done)});
    Sent(std::move(done), true);
    DeliverToClient(std::optional(std::move(message)));
  }

  void ClientRead(ClientReadFn done) {
    std::lock_guard lock(mutex_);
    client_read_ = std::move(done);
    if (!to_client_.empty()) return DeliverToClient(std::optional(Take(to_client_)));
    if (final_) DeliverEnd();
  }

  void Finish(Status status) {
    {
      std::lock_guard lock(mutex_);
      if (final_) return;
      final_ = std::move(status);
      StopServerSide();
      if (client_read_) DeliverEnd();
    }
    call_->End();
  }

  // The client, its deadline or its channel ends the call.
  void Abort(Status why) {
    bool was_open = false;
    {
      std::lock_guard lock(mutex_);
      was_open = !final_;
      // What was sent before the end but not read yet is lost to a client that gave up.
      if (!was_open && to_client_.empty()) return;
      final_ = std::move(why);
      StopServerSide();
      Drop(to_client_);
      if (client_read_) DeliverEnd();
    }
    if (was_open) call_->Cancel();
  }

 private:
  struct Item {
    Payload message;
    SentFn done;
  };

  void Sent(SentFn done, bool sent) {
    deferrer_->Defer([done = std::move(done), sent]() mutable { done(sent); });
  }
  template <class Fn, class Value>
  void Deliver(Fn done, Value value) {
    deferrer_->Defer(
        [done = std::move(done), value = std::move(value)]() mutable { done(std::move(value)); });
  }
  void DeliverToClient(std::optional<Payload> message) {
    Deliver(std::exchange(client_read_, nullptr),
            Result<std::optional<Payload>>(std::move(message)));
  }
  void DeliverEnd() {
    if (final_->ok()) return DeliverToClient(std::nullopt);
    Deliver(std::exchange(client_read_, nullptr), Result<std::optional<Payload>>(*final_));
  }
  Payload Take(std::deque<Item>& queue) {
    Item item = std::move(queue.front());
    queue.pop_front();
    Sent(std::move(item.done), true);
    return std::move(item.message);
  }
  void Drop(std::deque<Item>& queue) {
    for (auto& item : queue) Sent(std::move(item.done), false);
    queue.clear();
  }
  void StopServerSide() {
    Drop(to_server_);
    if (server_read_) Deliver(std::exchange(server_read_, nullptr), std::optional<Payload>());
  }

  const std::shared_ptr<Deferrer> deferrer_;
  const std::shared_ptr<CallState> call_;
  const CallContextPtr context_;

  std::mutex mutex_;  // guards the rest
  std::deque<Item> to_server_;
  std::deque<Item> to_client_;
  ServerReadFn server_read_;
  ClientReadFn client_read_;
  bool half_closed_ = false;
  std::optional<Status> final_;
};

namespace {

class ServerEnd final : public ServerStream {
 public:
  explicit ServerEnd(std::shared_ptr<LoopbackPipe> pipe) : pipe_(std::move(pipe)) {}
  ~ServerEnd() override {
    pipe_->Finish({Code::kCancelled, pipe_->context()->method() + " was given up by its handler"});
  }
  const CallContextPtr& context() const noexcept override { return pipe_->context(); }
  void Read(Function<void(std::optional<Payload>)> done) noexcept override {
    pipe_->ServerRead(std::move(done));
  }
  void Send(Payload message, Function<void(bool)> done) noexcept override {
    pipe_->ServerSend(std::move(message), std::move(done));
  }
  void Finish(Status status) noexcept override { pipe_->Finish(std::move(status)); }

 private:
  const std::shared_ptr<LoopbackPipe> pipe_;
};

class ClientEnd final : public ClientStream {
 public:
  explicit ClientEnd(std::shared_ptr<LoopbackPipe> pipe) : pipe_(std::move(pipe)) {}
  ~ClientEnd() override { Cancel(); }
  void Send(Payload message, Function<void(bool)> done) noexcept override {
    pipe_->ClientSend(std::move(message), std::move(done));
  }
  void CloseSend() noexcept override { pipe_->CloseSend(); }
  void Read(Function<void(Result<std::optional<Payload>>)> done) noexcept override {
    pipe_->ClientRead(std::move(done));
  }
  void Cancel() noexcept override { pipe_->Abort({Code::kCancelled, "the call was cancelled"}); }

 private:
  const std::shared_ptr<LoopbackPipe> pipe_;
};

}  // namespace

LoopbackEnds MakeLoopbackStream(std::shared_ptr<Deferrer> deferrer,
                                std::shared_ptr<CallState> call) {
  auto pipe = std::make_shared<LoopbackPipe>(std::move(deferrer), std::move(call));
  return {std::make_shared<ClientEnd>(pipe), std::make_shared<ServerEnd>(pipe), pipe};
}

void Abort(LoopbackPipe& pipe, Status why) { pipe.Abort(std::move(why)); }

}  // namespace swarm::rpc
