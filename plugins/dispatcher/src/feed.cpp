#include "feed.h"

#include <utility>

namespace swarm::dispatcher {

void Feed::Begin(std::function<void(const std::shared_ptr<Feed>&)> gone) {
  gone_ = std::move(gone);
  stream_->context()->OnCancel([weak = weak_from_this(), post = parts_.post] {
    post([weak] {
      if (auto self = weak.lock()) self->OnGone();
    });
  });
}

void Feed::Wake() {
  if (!stream_) return;
  awake_ = true;
  if (busy_ || timer_) return;
  Duration wait{};
  if (last_sent_) wait = *last_sent_ + parts_.interval - parts_.clock.SteadyNow();
  if (wait <= Duration::zero()) return Send();
  timer_ = parts_.loop.After(wait, [this] {
    auto fired = std::move(timer_);
    Send();
  });
}

void Feed::Send() {
  awake_ = false;
  busy_ = true;
  last_sent_ = parts_.clock.SteadyNow();
  stream_->Send(next_(), [weak = weak_from_this(), post = parts_.post](bool sent) {
    post([weak, sent] {
      if (auto self = weak.lock()) self->OnSent(sent);
    });
  });
}

void Feed::OnSent(bool sent) {
  busy_ = false;
  if (!sent) return OnGone();
  if (awake_) Wake();
}

void Feed::OnGone() {
  if (!stream_) return;
  auto self = shared_from_this();
  stream_->Finish({Code::kCancelled, "the peer has gone"});
  stream_.reset();
  timer_.reset();
  if (gone_) gone_(self);
}

void Feed::Finish(Status status, std::optional<Payload> last) {
  if (!stream_) return;
  timer_.reset();
  if (last) stream_->Send(std::move(*last), [](bool) {});
  stream_->Finish(std::move(status));
  stream_.reset();
}

}  // namespace swarm::dispatcher
