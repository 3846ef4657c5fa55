// The messages of one open stream, brought to a loop one by one.
// Threading: [loop].
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "component/poster.h"
#include "swarm/function.h"
#include "swarm/rpc.h"

namespace swarm::agent {

template <class M>
class Inbound : public std::enable_shared_from_this<Inbound<M>> {
 public:
  // Opens the stream with one request. `on_end` comes at most once, and nothing after it; nothing
  // comes once the object is destroyed or cancelled.
  template <class Request>
  static std::shared_ptr<Inbound> Open(Channel& channel, std::string_view method, Request request,
                                       component::Poster post,
                                       Function<void(std::shared_ptr<const M>)> on_message,
                                       Function<void(Status)> on_end) {
    auto self =
        std::make_shared<Inbound>(std::move(post), std::move(on_message), std::move(on_end));
    self->stream_ = channel.Open(method, {});
    self->stream_->Send(Payload::Of(std::move(request)), [](bool) {});
    self->stream_->CloseSend();
    self->Next();
    return self;
  }

  Inbound(component::Poster post, Function<void(std::shared_ptr<const M>)> on_message,
          Function<void(Status)> on_end)
      : post_(std::move(post)), on_message_(std::move(on_message)), on_end_(std::move(on_end)) {}
  ~Inbound() { Cancel(); }

  void Cancel() {
    if (stream_) std::exchange(stream_, nullptr)->Cancel();
  }

 private:
  using Read = Result<std::optional<Payload>>;

  void Next() {
    stream_->Read([weak = this->weak_from_this(), post = post_](Read read) {
      // Parsed here, off the loop.
      Result<std::shared_ptr<const M>> message = Status(Code::kUnavailable, "the stream has ended");
      if (!read.ok())
        message = read.status();
      else if (*read)
        message = (*read)->template As<M>();
      post([weak, message = std::move(message)] {
        if (auto self = weak.lock()) self->OnRead(message);
      });
    });
  }

  void OnRead(const Result<std::shared_ptr<const M>>& message) {
    if (!stream_) return;
    if (!message.ok()) {
      Cancel();
      return on_end_(message.status());
    }
    on_message_(*message);
    if (stream_) Next();
  }

  const component::Poster post_;
  Function<void(std::shared_ptr<const M>)> on_message_;
  Function<void(Status)> on_end_;
  std::shared_ptr<ClientStream> stream_;  // null once over
};

}  // namespace swarm::agent
