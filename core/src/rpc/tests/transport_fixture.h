// A router behind real sockets, and clients of it.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "rpc/network.h"
#include "rpc/router.h"
#include "rpc/server.h"
#include "runtime/production.h"
#include "swarm/rpc_typed.h"
#include "swarmkit/v1/control.pb.h"
#include "test_pki.h"

namespace swarm::rpc {

using namespace std::chrono_literals;
namespace pb = ::docker::swarmkit::v1;

inline constexpr char kGetNode[] = "/docker.swarmkit.v1.Control/GetNode";
inline constexpr char kHeartbeat[] = "/docker.swarmkit.v1.Dispatcher/Heartbeat";
inline constexpr char kSession[] = "/docker.swarmkit.v1.Dispatcher/Session";
inline constexpr char kPublish[] = "/docker.swarmkit.v1.LogBroker/PublishLogs";
// Nothing here takes as long; a wait that does has failed.
inline constexpr auto kPatience = std::chrono::seconds(20);

// A value that arrives on another thread.
template <class T>
class Arriving {
 public:
  Function<void(T)> Taker() {
    return [promise = promise_](T value) { promise->set_value(std::move(value)); };
  }
  bool ready() { return future_.wait_for(0s) == std::future_status::ready; }
  T Get() {
    if (future_.wait_for(kPatience) != std::future_status::ready) {
      ADD_FAILURE() << "nothing arrived in time";
      std::abort();
    }
    return future_.get();
  }

 private:
  std::shared_ptr<std::promise<T>> promise_ = std::make_shared<std::promise<T>>();
  std::future<T> future_ = promise_->get_future();
};

inline bool Eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < limit) {
    if (condition()) return true;
    usleep(2000);
  }
  return false;
}

// Collects what is logged.
class LogCapture {
 public:
  Logger logger() {
    auto sink = std::make_shared<Sink>(*this);
    auto backend = std::make_shared<spdlog::logger>("test", std::move(sink));
    backend->set_level(spdlog::level::debug);
    return Logger(std::move(backend));
  }
  bool Has(const std::string& part) const {
    std::lock_guard lock(mutex_);
    return text_.find(part) != std::string::npos;
  }
  std::string text() const {
    std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  class Sink final : public spdlog::sinks::base_sink<std::mutex> {
   public:
    explicit Sink(LogCapture& capture) : capture_(capture) {}

   protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
      std::lock_guard lock(capture_.mutex_);
      capture_.text_.append(message.payload.data(), message.payload.size());
      capture_.text_ += '\n';
    }
    void flush_() override {}

   private:
    LogCapture& capture_;
  };

  mutable std::mutex mutex_;
  std::string text_;
};

class KeepStream final : public StreamHandler {
 public:
  void Open(ServerStreamPtr stream) noexcept override { opened.Taker()(std::move(stream)); }
  Arriving<ServerStreamPtr> opened;
};

class TransportTest : public testing::Test {
 protected:
  TransportTest() {
    char name[] = "/tmp/swarm-rpc-XXXXXX";
    folder_ = mkdtemp(name);
    router_.SetSelf({"self", "cluster", {"swarm-manager"}});
    network_ = MakeNetwork({io_, Logger(), nullptr});
  }
  ~TransportTest() override {
    channels_.clear();
    server_.reset();
    network_.reset();
    std::filesystem::remove_all(folder_);
  }

  RpcServerOptions Options() {
    RpcServerOptions options;
    options.io = io_;
    options.target = &router_;
    options.clock = &runtime_->clock();
    options.logger = log_.logger();
    options.credentials = ca_.Issue("self", "swarm-manager");
    return options;
  }
  RpcServerOptions UnixOptions() {
    auto options = Options();
    options.listener = Listener::kLocal;
    options.unix_path = folder_ + "/swarmd.sock";
    return options;
  }
  RpcServerOptions TcpOptions() {
    auto options = Options();
    options.tcp_address = "127.0.0.1:0";
    return options;
  }
  // The address to dial.
  std::string Serve(RpcServerOptions options) {
    const bool local = !options.unix_path.empty();
    server_ = std::make_unique<RpcServer>(std::move(options));
    auto address = server_->Start();
    EXPECT_TRUE(address.ok()) << address.status();
    return (local ? "unix://" : "") + address.value();
  }

  std::shared_ptr<Channel> Dial(const std::string& address, DialOptions options = {}) {
    auto channel = network_->Dial(address, std::move(options));
    EXPECT_TRUE(channel.ok()) << channel.status();
    channels_.push_back(*channel);
    return *channel;
  }
  DialOptions As(std::shared_ptr<const Credentials> credentials) {
    DialOptions options;
    options.credentials = std::move(credentials);
    options.server_name = "swarm-manager";
    return options;
  }
  DialOptions As(const std::string& node_id, const std::string& role = "swarm-manager") {
    return As(ca_.Issue(node_id, role));
  }

  Result<Payload> Call(Channel& channel, const char* method = kGetNode, Payload request = {},
                       CallOptions options = {}) {
    Arriving<Result<Payload>> reply;
    if (!options.timeout) options.timeout = 10s;
    channel.Call(method, std::move(options), std::move(request), reply.Taker());
    return reply.Get();
  }
  // Retries while there is no connection.
  Result<Payload> PatientCall(Channel& channel, const char* method = kGetNode) {
    CallOptions options;
    options.wait_for_ready = true;
    return Call(channel, method, {}, std::move(options));
  }

  template <class Handler>
  void Register(const char* method, std::shared_ptr<Handler> handler) {
    auto registration = router_.Register(method, std::move(handler));
    ASSERT_TRUE(registration.ok()) << registration.status();
    registrations_.push_back(std::move(*registration));
  }
  // Answers with the caller's node id.
  void ServeWhoAmI(const char* method = kGetNode) {
    Register(method, MakeUnaryHandler<pb::GetNodeRequest>([](CallContextPtr context, auto,
                                                             UnaryReply reply) {
               reply(Payload::FromBytes(context->caller() ? context->caller()->node_id : "nobody"));
             }));
  }

  std::string folder_;
  LogCapture log_;
  tls::TestCa ca_;
  std::unique_ptr<Runtime> runtime_ = MakeRuntime();
  std::shared_ptr<tls::IoThread> io_ = MakeIoThread();
  RouterImpl router_;
  std::vector<std::unique_ptr<Registration>> registrations_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<Network> network_;
  std::vector<std::shared_ptr<Channel>> channels_;
};

}  // namespace swarm::rpc
