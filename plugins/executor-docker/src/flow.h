// A sequence of calls written as one function: a coroutine on the executor's loop.
//
// A Flow begins when it is awaited (or run by a FlowSlot) and is owned by whoever holds it:
// destroying it at one of its waits ends it there, which cancels what it waits for. So nothing in
// a flow needs to ask whether it has been cancelled. Threading: [loop].
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "swarm/function.h"

namespace swarm::executor_docker {

template <class T>
class [[nodiscard]] Flow {
 public:
  struct promise_type {
    std::coroutine_handle<> next = std::noop_coroutine();
    std::optional<T> value;

    Flow get_return_object() {
      return Flow(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept {
        return done.promise().next;
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(T result) { value.emplace(std::move(result)); }
    // Errors are values here.
    void unhandled_exception() noexcept { std::terminate(); }
  };

  Flow(Flow&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Flow& operator=(Flow&&) = delete;
  ~Flow() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) noexcept {
    handle_.promise().next = waiting;
    return handle_;
  }
  T await_resume() { return std::move(*handle_.promise().value); }

 private:
  explicit Flow(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// Holds at most one flow that nothing awaits. Not to be destroyed, ended or run from within it.
class FlowSlot {
 public:
  FlowSlot() = default;
  FlowSlot(const FlowSlot&) = delete;
  FlowSlot& operator=(const FlowSlot&) = delete;
  ~FlowSlot() { End(); }

  // Runs `flow`, then `done` with its result. What ran before is ended.
  template <class T>
  void Run(Flow<T> flow, Function<void(T)> done) {
    End();
    handle_ = Drive(std::move(flow), std::move(done)).handle;
    handle_.resume();
  }
  // Ends what runs; its `done` does not run.
  void End() {
    if (auto handle = std::exchange(handle_, nullptr)) handle.destroy();
  }
  bool busy() const { return handle_ && !handle_.done(); }

 private:
  struct Driver {
    struct promise_type {
      Driver get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      void unhandled_exception() noexcept { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
  };

  template <class T>
  static Driver Drive(Flow<T> flow, Function<void(T)> done) {
    T result = co_await flow;
    done(std::move(result));
  }

  std::coroutine_handle<> handle_ = nullptr;
};

}  // namespace swarm::executor_docker
