#include "outlet.h"

#include <utility>

namespace swarm::logbroker {
namespace {

// Lines are gathered up to this size; a client takes 4 MiB.
constexpr std::size_t kBatchBytes = 64 << 10;

}  // namespace

void Outlet::Begin(Function<void()> ended) {
  ended_ = std::move(ended);
  stream_->context()->OnCancel([weak = weak_from_this(), post = post_] {
    post([weak] {
      if (auto self = weak.lock()) self->End();
    });
  });
}

void Outlet::Push(const pb::LogMessage& line) {
  if (!stream_ || outcome_) return;
  const std::size_t bytes = line.ByteSizeLong();
  if (queue_.empty() || queue_.back().bytes + bytes > kBatchBytes) queue_.emplace_back();
  Batch& batch = queue_.back();
  *batch.message.add_messages() = line;
  batch.bytes += bytes;
  waiting_ += bytes;
  if (!busy_) Send();
}

void Outlet::Send() {
  busy_ = true;
  sending_ = queue_.front().bytes;
  Payload message = Payload::Of(std::move(queue_.front().message));
  queue_.pop_front();
  stream_->Send(std::move(message), [weak = weak_from_this(), post = post_](bool sent) {
    post([weak, sent] {
      if (auto self = weak.lock()) self->OnSent(sent);
    });
  });
}

void Outlet::OnSent(bool sent) {
  busy_ = false;
  waiting_ -= std::exchange(sending_, 0);
  if (!stream_) return;
  if (!sent) return End();
  if (!queue_.empty()) {
    Send();
  } else if (outcome_) {
    return End();
  }
  if (waiting_ > limit_ / 2) return;
  for (auto& fn : std::exchange(for_room_, {})) fn();
}

void Outlet::Finish(Status status) {
  if (!stream_ || outcome_) return;
  outcome_ = std::move(status);
  if (!busy_ && queue_.empty()) End();
}

void Outlet::Abort(Status status) {
  if (!stream_) return;
  queue_.clear();
  std::exchange(stream_, nullptr)->Finish(std::move(status));
}

void Outlet::End() {
  if (!stream_) return;
  auto self = shared_from_this();
  const bool complete = outcome_ && queue_.empty() && !busy_;
  Abort(complete ? *outcome_ : Status(Code::kCancelled, "context canceled"));
  auto waiting = std::exchange(for_room_, {});
  if (ended_) std::exchange(ended_, nullptr)();
  // Whoever waits goes on, and finds that its lines are wanted no more.
  for (auto& fn : waiting) fn();
}

}  // namespace swarm::logbroker
