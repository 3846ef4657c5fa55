#include "run.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.h"
#include "generic/parse.h"
#include "node/node.h"
#include "rpc/network.h"
#include "runtime/production.h"

namespace swarm::daemon {
namespace {

// SIGINT and SIGTERM, taken by a thread of their own: the first asks the node to stop, a second
// ends the process at once.
class Signals {
 public:
  // Before any other thread: they inherit the mask.
  Signals() {
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set_);
    for (const int number : {SIGINT, SIGTERM, SIGUSR2}) sigaddset(&set_, number);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }

  void Start(node::Node& node, const Logger& logger) {
    thread_ = std::thread([this, &node, logger] {
      int number = 0;
      while (sigwait(&set_, &number) == 0) {
        if (number == SIGUSR2) return;
        if (stopping_.exchange(true)) _exit(128 + number);
        logger.Info("stopping; a second signal ends at once",
                    {{"signal", number == SIGINT ? "SIGINT" : "SIGTERM"}});
        if (const Status status = node.Stop(); !status.ok()) logger.Warn(status.message());
      }
    });
  }

  void Join() {
    if (!thread_.joinable()) return;
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
  }

 private:
  sigset_t set_{};
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// What the node proves at the moment.
class Present {
 public:
  std::shared_ptr<const Credentials> Get() const {
    const std::lock_guard lock(mutex_);
    return credentials_;
  }
  void Set(std::shared_ptr<const Credentials> credentials) {
    const std::lock_guard lock(mutex_);
    credentials_ = std::move(credentials);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Credentials> credentials_;
};

void WarnOfLocalAddress(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  if (host.empty() || host == "0.0.0.0" || host == "[::]" || host == "localhost" ||
      host.rfind("127.", 0) == 0 || host == "[::1]") {
    std::cout << "Warning: Specifying a valid address with --listen-remote-api may be necessary "
                 "for other managers to reach this one."
              << std::endl;
  }
}

// Accepted since the Go swarmd has them, but not served.
void WarnOfUnserved(const config::NodeConfig::Listen& listen, const Logger& logger) {
  const auto warn = [&logger](const char* key, const std::string& address) {
    if (address.empty()) return;
    logger.Warn("nothing listens there: this version has no such page; remove the key",
                {{"key", key}, {"address", address}});
  };
  warn("listen.metrics", listen.metrics);
  warn("listen.debug", listen.debug);
}

constexpr int kFailed = 1;
constexpr int kFatal = 3;

int Fail(const Logger& logger, const Status& status, int code = kFailed) {
  std::cerr << "Error: " << status.message() << std::endl;
  logger.Error(status.message());
  return code;
}

}  // namespace

int RunNode(config::NodeConfig config) {
  // Secrets and keys are in this memory: a crash must not put it on a disk.
  prctl(PR_SET_DUMPABLE, 0);
  Signals signals;
  const auto level = ParseLogLevel(config.log.level);
  if (!level.ok()) return Fail(Logger(), level.status());
  const LogFormat format = config.log.format == "json" ? LogFormat::kJson : LogFormat::kText;
  const Logger logger = MakeLogger({*level, format});
  RouteProtobufLog(logger);
  auto generic_resources = generic::Parse(config.node.generic_resources);
  if (!generic_resources.ok()) return Fail(logger, generic_resources.status());
  WarnOfLocalAddress(config.listen.remote);
  WarnOfUnserved(config.listen, logger);

  auto runtime = MakeRuntime({});
  rpc::NetworkOptions network_options;
  network_options.logger = logger;
  auto credentials = std::make_shared<Present>();
  network_options.credentials = [credentials] { return credentials->Get(); };
  auto network = rpc::MakeNetwork(std::move(network_options));

  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Status> closed;
  std::atomic<bool> fatal = false;
  node::NodeSetup setup;
  setup.config = std::move(config);
  setup.runtime = runtime.get();
  setup.network = network.get();
  setup.listeners = node::MakeListeners(*runtime, logger);
  setup.logger = logger;
  setup.generic_resources = std::move(*generic_resources);
  setup.on_credentials = [credentials](auto now) { credentials->Set(std::move(now)); };
  setup.on_fatal = [&] { fatal = true; };
  setup.on_closed = [&](Status why) {
    const std::lock_guard lock(mutex);
    closed = std::move(why);
    changed.notify_all();
  };
  auto node = node::Node::Make(std::move(setup));
  if (!node.ok()) return Fail(logger, node.status());
  if (const Status started = (*node)->Start(); !started.ok()) return Fail(logger, started);
  signals.Start(**node, logger);

  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return closed.has_value(); });
  lock.unlock();
  signals.Join();
  node->reset();
  return closed->ok() ? 0 : Fail(logger, *closed, fatal ? kFatal : kFailed);
}

}  // namespace swarm::daemon
