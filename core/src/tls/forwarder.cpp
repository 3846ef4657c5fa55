#include "tls/forwarder.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "tls/piped_connection.h"

namespace swarm::tls {
namespace {

using boost::system::error_code;

constexpr auto kAcceptPause = std::chrono::milliseconds(200);

// The listener is reachable for every process of the machine: only this one may use it.
bool IsOurs(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

}  // namespace

// Everything on the IoThread but the last error.
class Forwarder::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(IoThread& io, Fd listener, ForwarderOptions options)
      : io_(io), options_(std::move(options)), listener_(io.context()), pause_(io.context()) {
    error_code ignored;
    listener_.assign(listener.Release(), ignored);
  }

  void WaitForConnection() {
    if (stopped_) return;
    listener_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [core = shared_from_this()](error_code error) {
                           if (!error) core->AcceptOne();
                         });
  }

  void Stop() {
    stopped_ = true;
    error_code ignored;
    listener_.close(ignored);
    pause_.cancel();
    const auto links = std::exchange(links_, {});
    for (const auto& [id, link] : links) {
      if (link.connection) link.connection->Close({Code::kCancelled, "the channel was closed"});
    }
  }

  std::string last_error() const {
    std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  struct Link {
    Fd app;                         // until the handshake is done
    std::shared_ptr<void> dialing;  // until connected
    std::shared_ptr<PipedConnection> connection;
  };

  void AcceptOne() {
    if (stopped_) return;
    Fd fd(accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      SetError(ErrnoText(errno));
      pause_.expires_after(kAcceptPause);
      return pause_.async_wait([core = shared_from_this()](error_code cancelled) {
        if (!cancelled) core->WaitForConnection();
      });
    }
    if (fd && IsOurs(fd.get())) Dial(std::move(fd));
    WaitForConnection();
  }

  void Dial(Fd app) {
    const auto id = ++count_;
    Link& link = links_[id];
    link.app = std::move(app);
    link.dialing = Connect(io_, options_.target, options_.connect_timeout,
                           [weak = weak_from_this(), id](Result<Fd> socket) {
                             if (const auto core = weak.lock()) core->Dialed(id, std::move(socket));
                           });
  }

  void Dialed(std::uint64_t id, Result<Fd> socket) {
    if (!socket.ok()) return Failed(id, socket.status().message());
    auto connection = std::make_shared<PipedConnection>(io_, std::move(*socket));
    if (!options_.plaintext) {
      const auto context = options_.context();
      const Status ready = context.ok() ? connection->UseClientTls(**context, options_.server_name)
                                        : context.status();
      if (!ready.ok()) return Failed(id, ready.message());
    }
    links_[id].connection = connection;
    connection->Handshake(
        options_.handshake_timeout,
        [core = shared_from_this(), id](const Status& status) { core->ShookHands(id, status); });
  }

  void ShookHands(std::uint64_t id, const Status& status) {
    const auto found = links_.find(id);
    if (found == links_.end()) return;
    if (!status.ok()) return Failed(id, "TLS handshake: " + status.message());
    const auto connection = found->second.connection;
    connection->OnFirstBytes([core = shared_from_this()] { core->SetError(""); });
    connection->Start(std::move(found->second.app),
                      [core = shared_from_this(), id](const Status& why) { core->Ended(id, why); });
  }

  void Ended(std::uint64_t id, const Status& why) {
    // In TLS 1.3 a server refuses our certificate only after our side of the handshake is done.
    if (!why.ok() && why.code() != Code::kCancelled) SetError(why.message());
    links_.erase(id);
  }

  void Failed(std::uint64_t id, const std::string& why) {
    SetError(why);
    options_.logger.Debug("cannot connect",
                          {{"address", options_.target.Printed()}, {"error", why}});
    links_.erase(id);
  }

  void SetError(const std::string& why) {
    std::lock_guard lock(mutex_);
    last_error_ = why.empty() ? "" : options_.target.Printed() + ": " + why;
  }

  IoThread& io_;
  const ForwarderOptions options_;
  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer pause_;
  std::unordered_map<std::uint64_t, Link> links_;
  std::uint64_t count_ = 0;
  bool stopped_ = false;

  mutable std::mutex mutex_;
  std::string last_error_;
};

Result<std::unique_ptr<Forwarder>> Forwarder::Start(std::shared_ptr<IoThread> io,
                                                    ForwarderOptions options) {
  auto name = RandomName();
  SWARM_ASSIGN_OR_RETURN(Fd listener, ListenAbstract(name));
  auto core = std::make_shared<Core>(*io, std::move(listener), std::move(options));
  boost::asio::post(io->context(), [core] { core->WaitForConnection(); });
  return std::unique_ptr<Forwarder>(new Forwarder(std::move(io), std::move(name), std::move(core)));
}

Forwarder::Forwarder(std::shared_ptr<IoThread> io, std::string name, std::shared_ptr<Core> core)
    : io_(std::move(io)), name_(std::move(name)), core_(std::move(core)) {}

Forwarder::~Forwarder() {
  boost::asio::post(io_->context(), [core = core_] { core->Stop(); });
}

std::string Forwarder::last_error() const { return core_->last_error(); }

}  // namespace swarm::tls
