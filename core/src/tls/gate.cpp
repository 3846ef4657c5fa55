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

#include "base/repeats.h"
#include "tls/greeting.h"
#include "tls/unfinished.h"

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
    Unfinished::One one;
    while (unfinished_.TakeAny(one)) GiveUp(one, {Code::kCancelled, "stopping"});
  }

  void CloseAll() {
    StopAccepting();
    const auto open = std::exchange(open_, {});
    for (const auto& connection : open) connection->Close({Code::kCancelled, "stopping"});
  }

 private:
  void AcceptSome() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      if (stopped_) return;
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
    if (unfinished_.size() >= options_.max_handshakes) {
      auto worst = unfinished_.TakeWorst();
      const Status why(Code::kResourceExhausted, "it did not finish its handshake while many came");
      GiveUp(worst, why);
      Refuse(worst.address, why);
    }
    TuneTcp(fd.get());
    auto address = PeerAddress(fd.get());
    auto greeting = std::make_shared<Greeting>(io_, std::move(fd));
    const auto id = unfinished_.Add({std::move(address), greeting, nullptr});
    greeting->Start(options_.handshake_timeout,
                    [core = shared_from_this(), id](Result<Greeting::Kind> kind) {
                      core->Greeted(id, std::move(kind));
                    });
  }

  static SteadyTime Now() {
    return SteadyTime(std::chrono::steady_clock::now().time_since_epoch());
  }

  static void GiveUp(const Unfinished::One& one, const Status& why) {
    if (one.greeting) one.greeting->Cancel();
    if (one.connection) one.connection->Close(why);
  }

  void Greeted(Unfinished::Id id, Result<Greeting::Kind> kind) {
    auto* one = unfinished_.Find(id);
    if (one == nullptr) return;  // given up
    Fd fd = std::exchange(one->greeting, nullptr)->TakeSocket();
    if (const Status status = Admit(kind); !status.ok()) {
      return Refuse(unfinished_.Take(id).address, status);
    }
    auto connection = std::make_shared<ServedConnection>(io_, std::move(fd));
    if (*kind == Greeting::Kind::kTls) {
      if (const Status status = connection->UseServerTls(*context_); !status.ok()) {
        return Refuse(unfinished_.Take(id).address, status);
      }
    }
    one->connection = connection;
    connection->Handshake(
        options_.handshake_timeout,
        [core = shared_from_this(), id](const Status& status) { core->ShookHands(id, status); });
  }

  Status Admit(const Result<Greeting::Kind>& kind) const {
    if (!kind.ok()) return kind.status();
    if (*kind == Greeting::Kind::kPlaintext && !options_.plaintext) {
      return {Code::kFailedPrecondition, "it speaks plaintext HTTP/2, this socket demands TLS"};
    }
    return Status::Ok();
  }

  void ShookHands(Unfinished::Id id, const Status& status) {
    auto [address, greeting, connection] = unfinished_.Take(id);
    if (!connection) return;  // given up
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
    const std::string message = "refused a connection";
    // Whoever only looks whether the port is open deserves no line.
    if (why.code() == Code::kCancelled) {
      return options_.logger.Debug(message, {{"peer", address}, {"error", why.message()}});
    }
    const auto skipped = refusals_.Line(Unfinished::HostOf(address) + " " + why.message(), Now());
    if (!skipped) return;
    options_.logger.Warn(
        message,
        {{"peer", address}, {"error", why.message()}, {"repeated", std::to_string(*skipped)}});
  }

  IoThread& io_;
  const GateOptions options_;
  std::shared_ptr<const TlsContext> context_;
  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer pause_;
  Unfinished unfinished_;
  Repeats refusals_;
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
