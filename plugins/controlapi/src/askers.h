// Where reads run that had to wait for the word that this manager still leads: not on the loop of
// consensus, which has other things to do.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include "swarm/runtime.h"

namespace swarm::controlapi {

// Threading: [any] but its own loops for Stop.
class Askers {
 public:
  explicit Askers(Runtime& runtime) {
    for (auto& loop : loops_) loop = runtime.NewLoop("control-reads", LoopKind::kBlocking);
  }
  ~Askers() { Stop(); }
  Askers(const Askers&) = delete;
  Askers& operator=(const Askers&) = delete;

  void Post(Function<void()> fn) { loops_[next_++ % loops_.size()]->Post(std::move(fn)); }
  void Stop() {
    for (auto& loop : loops_) loop->Stop();
  }

 private:
  std::array<std::unique_ptr<Loop>, 2> loops_;
  std::atomic<unsigned> next_{0};
};

}  // namespace swarm::controlapi
