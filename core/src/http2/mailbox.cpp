#include "http2/mailbox.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace swarm::http2 {

Mailbox::Mailbox(tls::IoThread& io, Function<void()> emptied)
    : io_(&io), emptied_(std::move(emptied)) {}

void Mailbox::Post(Letter letter) {
  {
    std::lock_guard lock(mutex_);
    if (io_ != nullptr) {
      letters_.push_back(std::move(letter));
      return Schedule();
    }
  }
  letter(false);
}

void Mailbox::PostNothing() {
  if (busy_) return;
  std::lock_guard lock(mutex_);
  if (io_ != nullptr) Schedule();
}

void Mailbox::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  boost::asio::post(io_->context(), [self = shared_from_this()] { self->Deliver(); });
}

void Mailbox::Close() {
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (letters_.empty()) {
        io_ = nullptr;
        break;
      }
    }
    Deliver();
  }
  emptied_ = nullptr;
}

void Mailbox::Deliver() {
  busy_ = true;
  {
    std::lock_guard lock(mutex_);
    scheduled_ = false;
    delivering_.swap(letters_);
  }
  for (auto& letter : delivering_) letter(true);
  delivering_.clear();
  if (emptied_) emptied_();
  busy_ = false;
}

}  // namespace swarm::http2
