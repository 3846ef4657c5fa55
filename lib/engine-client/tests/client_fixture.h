// A client and the fake engine it talks to; results of calls, waited for with a bound.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "engine_client/reactor.h"
#include "fake_engine.h"
#include "runtime/production.h"

namespace swarm::engine::test {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr auto kLong = seconds(30);

// A value that comes once, from another thread.
template <class T>
class Awaited {
 public:
  Function<void(T)> Setter() {
    return [state = state_](T value) { state->set_value(std::move(value)); };
  }
  T Get() {
    EXPECT_EQ(future_.wait_for(kLong), std::future_status::ready) << "nothing came";
    return future_.get();
  }
  bool HasCome() { return future_.wait_for(seconds(0)) == std::future_status::ready; }

 private:
  std::shared_ptr<std::promise<T>> state_ = std::make_shared<std::promise<T>>();
  std::future<T> future_ = state_->get_future();
};

class Event {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : runtime_(MakeRuntime()) {
    auto reactor = Reactor::Make(*runtime_);
    EXPECT_TRUE(reactor.ok()) << reactor.status();
    reactor_ = std::move(*reactor);
  }

  std::unique_ptr<Client> NewClient(const std::string& address, ClientOptions options = {}) {
    auto parsed = ParseAddress(address);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    options.address = *parsed;
    auto client = reactor_->NewClient(std::move(options));
    EXPECT_TRUE(client.ok()) << client.status();
    return std::move(*client);
  }

  Reply Send(Client& client, Request request) {
    Awaited<Reply> reply;
    const CallHandle call = client.Send(std::move(request), reply.Setter());
    return reply.Get();
  }
  Reply Get(Client& client, const std::string& path) { return Send(client, Request::Get(path)); }

  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Reactor> reactor_;
  FakeEngine engine_;
};

}  // namespace swarm::engine::test
