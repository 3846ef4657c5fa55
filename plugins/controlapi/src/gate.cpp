#include "gate.h"

namespace swarm::controlapi {

Gate::Pass Gate::Enter(const std::shared_ptr<Gate>& gate) {
  std::lock_guard lock(gate->mutex_);
  if (gate->closed_) return {};
  ++gate->inside_;
  return Pass(gate);
}

void Gate::Close(Function<void()> empty) {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    if (inside_ != 0) {
      // A second Close replaces nobody: both are told.
      empty_ = [first = std::move(empty_), second = std::move(empty)]() mutable {
        if (first) first();
        second();
      };
      return;
    }
  }
  empty();
}

void Gate::Leave() {
  Function<void()> empty;
  {
    std::lock_guard lock(mutex_);
    if (--inside_ != 0 || !closed_) return;
    empty = std::exchange(empty_, nullptr);
  }
  if (empty) empty();
}

}  // namespace swarm::controlapi
