#include "http2/deadlines.h"

#include <utility>

namespace swarm::http2 {

void Deadlines::Watch(const std::shared_ptr<Call>& call) {
  const auto deadline = call->context()->deadline();
  if (!deadline) return;
  where_[call.get()] = queue_.emplace(*deadline, call);
  SetTimer();
}

void Deadlines::Forget(const Call& call) {
  const auto found = where_.find(&call);
  if (found == where_.end()) return;
  queue_.erase(found->second);
  where_.erase(found);
}

void Deadlines::Stop() {
  where_.clear();
  queue_.clear();
  timer_.cancel();
}

// A timer that is set too early only looks again; so calls that end in time never touch it.
void Deadlines::SetTimer() {
  if (queue_.empty()) return;
  const SteadyTime first = queue_.begin()->first;
  if (set_for_ && *set_for_ <= first) return;
  set_for_ = first;
  timer_.expires_after(first - clock_.SteadyNow());
  timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error) self->End();
  });
}

void Deadlines::End() {
  set_for_.reset();
  const auto now = clock_.SteadyNow();
  while (!queue_.empty() && queue_.begin()->first <= now) {
    const auto call = queue_.begin()->second;
    Forget(*call);
    call->Abort({Code::kDeadlineExceeded, "the call's time is over"});
  }
  SetTimer();
}

}  // namespace swarm::http2
