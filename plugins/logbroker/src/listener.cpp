#include "listener.h"

#include <algorithm>
#include <utility>

namespace swarm::logbroker {

void Listener::Begin(Function<void()> gone) {
  gone_ = std::move(gone);
  stream_->context()->OnCancel([weak = weak_from_this(), post = post_] {
    post([weak] {
      if (auto self = weak.lock()) self->OnGone();
    });
  });
}

void Listener::Tell(pb::SubscriptionMessage subscription) {
  if (!told_.insert(subscription.id()).second) return;
  queue_.push_back(std::move(subscription));
  Send();
}

void Listener::Close(pb::SubscriptionMessage subscription) {
  if (told_.erase(subscription.id()) == 0) return;
  const auto waiting = std::find_if(queue_.begin(), queue_.end(),
                                    [&](const auto& m) { return m.id() == subscription.id(); });
  if (waiting != queue_.end()) {
    queue_.erase(waiting);
    return;
  }
  subscription.set_close(true);
  queue_.push_back(std::move(subscription));
  Send();
}

void Listener::Send() {
  if (busy_ || !stream_ || queue_.empty()) return;
  busy_ = true;
  Payload message = Payload::Of(std::move(queue_.front()));
  queue_.pop_front();
  stream_->Send(std::move(message), [weak = weak_from_this(), post = post_](bool sent) {
    post([weak, sent] {
      if (auto self = weak.lock()) self->OnSent(sent);
    });
  });
}

void Listener::OnSent(bool sent) {
  busy_ = false;
  if (!sent) return OnGone();
  Send();
}

void Listener::OnGone() {
  if (!stream_) return;
  auto self = shared_from_this();
  Finish({Code::kCancelled, "context canceled"});
  if (gone_) std::exchange(gone_, nullptr)();
}

void Listener::Finish(Status status) {
  if (stream_) std::exchange(stream_, nullptr)->Finish(std::move(status));
}

}  // namespace swarm::logbroker
