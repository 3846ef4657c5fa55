// Where flows wait for something to happen. Threading: [loop].
#pragma once

#include <coroutine>
#include <memory>
#include <set>

#include "swarm/runtime.h"

namespace swarm::executor_docker {

// Everybody who waits goes on when it opens; who comes later waits for the next time.
class Gate {
 public:
  explicit Gate(Loop& loop) : loop_(loop) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // co_await gate.Next(). The gate outlives the wait.
  class Waiting {
   public:
    explicit Waiting(Gate& gate) : gate_(gate) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { gate_.waiting_.erase(this); }
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      flow_ = waiting;
      gate_.waiting_.insert(this);
    }
    void await_resume() noexcept {}

   private:
    friend class Gate;
    Gate& gate_;
    std::coroutine_handle<> flow_;
    // Goes with the flow, so a flow that is ended meanwhile is not resumed.
    std::unique_ptr<Timer> wake_;
  };
  Waiting Next() { return Waiting(*this); }

  void Open() {
    for (Waiting* one : waiting_) {
      one->wake_ = loop_.After(Duration::zero(), [flow = one->flow_] { flow.resume(); });
    }
    waiting_.clear();
  }

 private:
  Loop& loop_;
  std::set<Waiting*> waiting_;
};

// For one who looks, then waits until it is worth looking again: nothing raised between the two
// is missed.
class Signal {
 public:
  explicit Signal(Loop& loop) : gate_(loop) {}
  void Raise() {
    raised_ = true;
    gate_.Open();
  }
  // Before looking.
  void Clear() { raised_ = false; }
  bool raised() const { return raised_; }
  Gate& gate() { return gate_; }

 private:
  Gate gate_;
  bool raised_ = false;
};

}  // namespace swarm::executor_docker
