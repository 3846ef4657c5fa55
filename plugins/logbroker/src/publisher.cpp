#include "publisher.h"

#include <utility>

namespace swarm::logbroker {

void Publisher::Begin(Function<void(Result<Message>)> read) {
  read_ = std::move(read);
  // Also while nothing is read because the client is slow.
  stream_->context()->OnCancel([weak = weak_from_this(), post = post_] {
    post([weak] {
      if (auto self = weak.lock()) self->OnRead(Status(Code::kCancelled, "context canceled"));
    });
  });
  Next();
}

void Publisher::Next() {
  if (!stream_) return;
  stream_->Read([weak = weak_from_this(), post = post_,
                 context = stream_->context()](std::optional<Payload> payload) {
    // Parsed here, off the loop.
    Result<Message> message = Message();
    if (payload) {
      message = payload->As<pb::PublishLogsMessage>();
    } else if (context->cancelled()) {
      message = Status(Code::kCancelled, "context canceled");
    }
    post([weak, message = std::move(message)]() mutable {
      if (auto self = weak.lock()) self->OnRead(std::move(message));
    });
  });
}

void Publisher::OnRead(Result<Message> message) {
  if (!stream_) return;
  auto self = shared_from_this();
  read_(std::move(message));
}

void Publisher::Respond(Function<void(bool)> sent) {
  if (!stream_) return;
  stream_->Send(Payload::Of(pb::PublishLogsResponse()),
                [weak = weak_from_this(), post = post_, sent = std::move(sent)](bool ok) mutable {
                  post([weak, sent = std::move(sent), ok]() mutable {
                    if (auto self = weak.lock(); self && self->stream_) sent(ok);
                  });
                });
}

void Publisher::Finish(const Status& status) {
  if (stream_) std::exchange(stream_, nullptr)->Finish(status);
}

}  // namespace swarm::logbroker
