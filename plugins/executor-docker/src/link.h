// Calls to the engine whose answers arrive on the executor's loop.
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "engine_client/client.h"
#include "swarm/function.h"
#include "swarm/runtime.h"

namespace swarm::executor_docker {

// A call in flight. Destroying it cancels: none of its callbacks runs any more.
class LinkCall {
 public:
  virtual ~LinkCall() = default;
};
using LinkCallPtr = std::unique_ptr<LinkCall>;

// Threading: [loop].
class Link {
 public:
  // Both outlive the link and everything begun through it.
  Link(engine::Client& client, Loop& loop) : client_(client), loop_(loop) {}

  engine::Client& client() { return client_; }
  Loop& loop() { return loop_; }

  [[nodiscard]] LinkCallPtr Send(engine::Request request, Function<void(engine::Reply)> done);
  [[nodiscard]] LinkCallPtr StreamJson(engine::Request request, Function<void()> started,
                                       Function<void(nlohmann::json)> object,
                                       Function<void(engine::Reply)> done);

  // co_await link.Ask(request)
  class Asking {
   public:
    Asking(Link& link, engine::Request request) : link_(link), request_(std::move(request)) {}
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      call_ = link_.Send(std::move(request_), [this, waiting](engine::Reply reply) {
        reply_ = std::move(reply);
        waiting.resume();
      });
    }
    engine::Reply await_resume() { return std::move(reply_); }

   private:
    Link& link_;
    engine::Request request_;
    engine::Reply reply_;
    LinkCallPtr call_;
  };
  Asking Ask(engine::Request request) { return {*this, std::move(request)}; }

  // co_await link.Sleep(1s)
  class Sleeping {
   public:
    Sleeping(Loop& loop, Duration time) : loop_(loop), time_(time) {}
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      timer_ = loop_.After(time_, [waiting] { waiting.resume(); });
    }
    void await_resume() noexcept {}

   private:
    Loop& loop_;
    Duration time_;
    std::unique_ptr<Timer> timer_;
  };
  Sleeping Sleep(Duration time) { return {loop_, time}; }

 private:
  engine::Client& client_;
  Loop& loop_;
};

}  // namespace swarm::executor_docker
