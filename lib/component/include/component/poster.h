// Posts to a loop that may be gone: what callbacks from other threads hold.
#pragma once

#include <memory>
#include <utility>

#include "swarm/runtime.h"

namespace swarm::component {

class Poster {
 public:
  explicit Poster(std::weak_ptr<Loop> loop) : loop_(std::move(loop)) {}
  // [any] Dropped when the loop has gone.
  template <class Fn>
  void operator()(Fn fn) const {
    if (auto loop = loop_.lock()) loop->Post(std::move(fn));
  }

 private:
  std::weak_ptr<Loop> loop_;
};

}  // namespace swarm::component
