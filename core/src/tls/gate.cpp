#include "tls/gate.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tls/greeting.h"

namespace swarm::tls {
namespace {

using boost::system::error_code;

// While the process has no descriptors left, or the kernel no memory.
constexpr auto kAcceptPause = std::chrono::milliseconds(200);
constexpr int kAcceptsPerTurn = 32;

}  // namespace

// Everything on the IoThread.
class Gate::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(IoThread& io, Fd listener, std::shared_ptr<const TlsContext> context, GateOptions options)
      : io_(io),
        options_(std::move(options)),
        context_(std::move(context)),
        listener_(io.context()),
        pause_(io.context()) {
    error_code ignored;
    listener_.assign(listener.Release(), ignored);
  }

  void WaitForConnection() {
    if (stopped_ || std::exchange(waiting_, true)) return;
    listener_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [core = shared_from_this()](error_code error) {
                           core->waiting_ = false;
                           if (!error) core->AcceptSome();
                         });
  }

  void SetContext(std::shared_ptr<const TlsContext> context) { context_ = std::move(context); }

  void CloseConnectionsOf(const std::string& node_id) {
    std::vector<std::shared_ptr<ServedConnection>> theirs;
    for (const auto& connection : open_) {
      if (connection->identity() && connection->identity()->node_id == node_id) {
        theirs.push_back(connection);
      }
    }
    for (const auto& connection : theirs) {
      connection->Close({Code::kPermissionDenied, "the node was removed"});
    }
  }

  void StopAccepting() {
    stopped_ = true;
    error_code ignored;
    listener_.close(ignored);
    pause_.cancel();
    const auto greeting = std::exchange(greeting_, {});
    for (const auto& one : greeting) one->Cancel();
    const auto shaking = std::exchange(shaking_, {});
    for (const auto& connection : shaking) connection->Close({Code::kCancelled, "stopping"});
  }

  void CloseAll() {
    StopAccepting();
    const auto open = std::exchange(open_, {});
    for (const auto& connection : open) connection->Close({Code::kCancelled, "stopping"});
  }

 private:
  void AcceptSome() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      if (stopped_ || Full()) return;
      Fd fd(accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd) {
        Greet(std::move(fd));
        continue;
      }
      if (errno == EAGAIN) break;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return Pause(errno);
    }
    WaitForConnection();
  }

  bool Full() const { return greeting_.size() + shaking_.size() >= options_.max_handshakes; }

  void Pause(int error) {
    if (!std::exchange(paused_, true)) {
      options_.logger.Warn("cannot accept connections for now", {{"error", ErrnoText(error)}});
    }
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([core = shared_from_this()](error_code cancelled) {
      if (cancelled) return;
      core->paused_ = false;
      core->WaitForConnection();
    });
  }

  void Greet(Fd fd) {
    TuneTcp(fd.get());
    auto address = PeerAddress(fd.get());
    auto greeting = std::make_shared<Greeting>(io_, std::move(fd));
    greeting_.insert(greeting);
    greeting->Start(options_.handshake_timeout, [core = shared_from_this(), key = greeting.get(),
                                                 address](Result<Greeting::Kind> kind) mutable {
      core->Greeted(key, std::move(address), std::move(kind));
    });
  }

  void Greeted(Greeting* key, std::string address, Result<Greeting::Kind> kind) {
    const auto node = greeting_.extract(key->shared_from_this());
    if (node.empty()) return;  // stopping
    Fd fd = key->TakeSocket();
    WaitForConnection();  // there may be room again
    if (!kind.ok()) return Refuse(address, kind.status());
    if (*kind == Greeting::Kind::kPlaintext && !options_.plaintext) {
      return Refuse(address, {Code::kFailedPrecondition,
                              "it speaks plaintext HTTP/2, this socket demands TLS"});
    }
    auto connection = std::make_shared<ServedConnection>(io_, std::move(fd));
    if (*kind == Greeting::Kind::kTls) {
      if (const Status status = connection->UseServerTls(*context_); !status.ok()) {
        return Refuse(address, status);
      }
    }
    shaking_.insert(connection);
    connection->Handshake(
        options_.handshake_timeout,
        [core = shared_from_this(), key = connection.get(), address](const Status& status) mutable {
          core->ShookHands(std::static_pointer_cast<ServedConnection>(key->shared_from_this()),
                           std::move(address), status);
        });
  }

  void ShookHands(const std::shared_ptr<ServedConnection>& connection, std::string address,
                  const Status& status) {
    if (shaking_.erase(connection) == 0) return;  // stopping
    WaitForConnection();
    if (!status.ok()) return Refuse(address, status);
    auto session = options_.serve(connection, address);
    if (!session) return connection->Close({Code::kCancelled, "stopping"});
    open_.insert(connection);
    connection->Serve(
        std::move(session), options_.greeting_timeout,
        [core = shared_from_this(), key = connection.get(),
         address = std::move(address)](const Status& why) { core->Ended(key, address, why); });
  }

  void Ended(ServedConnection* connection, const std::string& address, const Status& why) {
    open_.erase(std::static_pointer_cast<ServedConnection>(connection->shared_from_this()));
    if (!why.ok()) {
      options_.logger.Debug("connection ended", {{"peer", address}, {"error", why.message()}});
    }
  }

  void Refuse(const std::string& address, const Status& why) {
    // Whoever only looks whether the port is open deserves no line.
    const bool silent = why.code() == Code::kCancelled;
    const std::string message = "refused a connection";
    if (silent) {
      options_.logger.Debug(message, {{"peer", address}, {"error", why.message()}});
    } else {
      options_.logger.Warn(message, {{"peer", address}, {"error", why.message()}});
    }
  }

  IoThread& io_;
  const GateOptions options_;
  std::shared_ptr<const TlsContext> context_;
  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer pause_;
  std::unordered_set<std::shared_ptr<Greeting>> greeting_;
  std::unordered_set<std::shared_ptr<ServedConnection>> shaking_;
  std::unordered_set<std::shared_ptr<ServedConnection>> open_;
  bool waiting_ = false;
  bool paused_ = false;
  bool stopped_ = false;
};

Gate::Gate(std::shared_ptr<IoThread> io, Fd listener, std::shared_ptr<const TlsContext> context,
           GateOptions options)
    : io_(std::move(io)),
      core_(std::make_shared<Core>(*io_, std::move(listener), std::move(context),
                                   std::move(options))) {
  boost::asio::post(io_->context(), [core = core_] { core->WaitForConnection(); });
}

Gate::~Gate() { CloseAll(); }

void Gate::SetContext(std::shared_ptr<const TlsContext> context) {
  boost::asio::post(io_->context(), [core = core_, context = std::move(context)]() mutable {
    core->SetContext(std::move(context));
  });
}

void Gate::CloseConnectionsOf(std::string_view node_id) {
  boost::asio::post(io_->context(),
                    [core = core_, id = std::string(node_id)] { core->CloseConnectionsOf(id); });
}

void Gate::StopAccepting() {
  io_->RunAndWait([this] { core_->StopAccepting(); });
}

void Gate::CloseAll() {
  io_->RunAndWait([this] { core_->CloseAll(); });
}

}  // namespace swarm::tls
