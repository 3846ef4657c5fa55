// Counts what is under way, so that stopping can wait for it without blocking a thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "swarm/function.h"

namespace swarm::controlapi {

// Threading: [any].
class Gate {
 public:
  // Held by one call; the gate stays closed to new ones but waits for those that hold it.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
    Pass(Pass&& other) noexcept = default;
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_) gate_->Leave();
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    std::shared_ptr<Gate> gate_;
  };

  // An empty pass once the gate is closed.
  static Pass Enter(const std::shared_ptr<Gate>& gate);
  // Lets nobody in any more; `empty` runs when the last one has left, at once if nobody is inside.
  void Close(Function<void()> empty);

 private:
  void Leave();

  std::mutex mutex_;  // guards all below
  std::uint64_t inside_ = 0;
  bool closed_ = false;
  Function<void()> empty_;
};

}  // namespace swarm::controlapi
