#include "http2/call.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace swarm::http2 {
namespace {

// Messages that wait for their handler before the caller is held back.
constexpr std::size_t kReadAhead = 256 << 10;

}  // namespace

Carrier::~Carrier() = default;

class Call::Handle final : public ServerStream {
 public:
  explicit Handle(std::shared_ptr<Call> call)
      : call_(std::move(call)), context_(call_->context()) {}
  ~Handle() override {
    call_->End({Code::kCancelled, call_->method() + " was given up by its handler"});
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
  const std::shared_ptr<Call> call_;
  const CallContextPtr context_;
};

class Call::OneReply {
 public:
  explicit OneReply(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  OneReply(OneReply&&) noexcept = default;
  OneReply& operator=(OneReply&&) = delete;
  ~OneReply() {
    if (call_) call_->Answer(rpc::NoReply(call_->method()));
  }
  void operator()(Result<Payload> result) {
    if (const auto call = std::exchange(call_, nullptr)) call->Answer(std::move(result));
  }

 private:
  std::shared_ptr<Call> call_;
};

Call::Call(rpc::CallInfo info, Settings settings)
    : state_(std::move(info)),
      mailbox_(std::move(settings.mailbox)),
      carrier_(settings.carrier),
      stream_(settings.stream),
      reader_(settings.max_message_bytes) {}

Call::~Call() = default;

UnaryReply Call::Reply() { return OneReply(shared_from_this()); }
ServerStreamPtr Call::Stream() { return std::make_shared<Handle>(shared_from_this()); }

void Call::Answer(Result<Payload> result) {
  if (ended_.exchange(true)) return;
  state_.End();
  if (!result.ok()) return PostEnd(result.status());
  // Serialising is the replying thread's work, not the sockets'.
  mailbox_->Post([self = shared_from_this(), bytes = result->Bytes()](bool open) mutable {
    if (!open) return;
    self->Queue(std::move(bytes), nullptr);
    self->SetEnd(Status::Ok());
  });
}

void Call::End(Status status) {
  if (ended_.exchange(true)) return;
  state_.End();
  PostEnd(std::move(status));
}

void Call::PostEnd(Status status) {
  mailbox_->Post([self = shared_from_this(), status = std::move(status)](bool open) mutable {
    if (open) self->SetEnd(std::move(status));
  });
}

void Call::Read(Function<void(std::optional<Payload>)> done) {
  mailbox_->Post([self = shared_from_this(), done = std::move(done)](bool open) mutable {
    if (!open) return done(std::nullopt);
    self->read_ = std::move(done);
    self->DeliverRead();
  });
}

void Call::Send(Payload message, Function<void(bool)> done) {
  mailbox_->Post([self = shared_from_this(), bytes = message.Bytes(),
                  done = std::move(done)](bool open) mutable {
    if (!open) return done(false);
    self->Queue(std::move(bytes), std::move(done));
  });
}

Status Call::Receive(std::span<const char> data) {
  if (end_ || requests_ended_) return Status::Ok();  // nobody listens any more
  const std::size_t before = unread_.size();
  const Status fed = reader_.Feed(data, unread_);
  for (std::size_t i = before; i < unread_.size(); ++i) unread_bytes_ += unread_[i].size();
  if (!fed.ok()) Abort(fed);
  DeliverRead();
  return fed;
}

std::optional<Payload> Call::TakeFirst() {
  if (unread_.empty()) return std::nullopt;
  auto bytes = std::move(unread_.front());
  unread_.pop_front();
  unread_bytes_ -= bytes.size();
  return Payload::FromBytes(std::move(bytes));
}

void Call::RequestsEnded() {
  requests_ended_ = true;
  DeliverRead();
}

bool Call::behind() const { return unread_bytes_ > kReadAhead; }

void Call::DeliverRead() {
  if (!read_) return;
  if (auto message = TakeFirst()) {
    const std::size_t bytes = message->ByteSize();
    std::exchange(read_, nullptr)(std::move(message));
    if (carrier_ != nullptr) carrier_->Taken(stream_, bytes);
  } else if (requests_ended_ || carrier_ == nullptr) {
    std::exchange(read_, nullptr)(std::nullopt);
  }
}

void Call::Queue(std::string bytes, Function<void(bool)> done) {
  if (end_ || carrier_ == nullptr) {
    if (done) done(false);
    return;
  }
  queue_.push_back({std::move(bytes), std::move(done)});
  carrier_->Ready(stream_);
}

void Call::SetEnd(Status status) {
  if (end_ || carrier_ == nullptr) return;
  end_ = std::move(status);
  carrier_->Ready(stream_);
}

void Call::Abort(Status why) {
  if (end_ || carrier_ == nullptr) return;
  ended_ = true;
  DropQueue();
  SetEnd(std::move(why));
  state_.Cancel();
  requests_ended_ = true;
  DeliverRead();
}

void Call::Closed() {
  carrier_ = nullptr;
  if (!ended_.exchange(true)) state_.Cancel();
  DropQueue();
  unread_.clear();
  unread_bytes_ = 0;
  requests_ended_ = true;
  DeliverRead();
}

void Call::DropQueue() {
  auto lost = std::exchange(queue_, {});
  sent_of_first_ = 0;
  for (auto& message : lost) {
    if (message.done) message.done(false);
  }
}

std::size_t Call::Output(std::span<char> into) {
  std::size_t filled = 0;
  while (filled < into.size() && !queue_.empty()) {
    Outgoing& first = queue_.front();
    const auto put = [&](const char* from, std::size_t size, std::size_t at) {
      const std::size_t take = std::min(size - at, into.size() - filled);
      std::memcpy(into.data() + filled, from + at, take);
      filled += take;
      sent_of_first_ += take;
    };
    if (sent_of_first_ < kPrefixBytes) {
      put(Prefix(first.bytes.size()).data(), kPrefixBytes, sent_of_first_);
    }
    if (sent_of_first_ >= kPrefixBytes) {
      put(first.bytes.data(), first.bytes.size(), sent_of_first_ - kPrefixBytes);
    }
    if (sent_of_first_ < kPrefixBytes + first.bytes.size()) break;
    auto done = std::move(first.done);
    queue_.pop_front();
    sent_of_first_ = 0;
    if (done) done(true);
  }
  return filled;
}

}  // namespace swarm::http2
