#include "tls/dial.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

namespace swarm::tls {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// An address as the kernel takes it.
struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  template <class Endpoint>
  static Address Of(const Endpoint& endpoint) {
    Address address;
    address.size = static_cast<socklen_t>(endpoint.size());
    std::memcpy(&address.bytes, endpoint.data(), endpoint.size());
    return address;
  }
};

class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(IoThread& io, Function<void(Result<Fd>)> done)
      : io_(io),
        resolver_(io_.context()),
        socket_(io_.context()),
        deadline_(io_.context()),
        done_(std::move(done)) {}

  void Start(const Target& target, Duration timeout) {
    deadline_.expires_after(timeout);
    deadline_.async_wait([weak = weak_from_this()](error_code cancelled) {
      const auto self = weak.lock();
      if (!cancelled && self) self->Finish(Status(Code::kUnavailable, "no answer in time"));
    });
    if (target.is_unix()) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, target.unix_path.data(), target.unix_path.size());
      Address one;
      one.size = sizeof(address);
      std::memcpy(&one.bytes, &address, sizeof(address));
      return Later({one});
    }
    error_code error;
    const auto ip = boost::asio::ip::make_address(target.tcp.host, error);
    if (!error) {
      const auto port = static_cast<unsigned short>(std::stoi(target.tcp.port));
      return Later({Address::Of(tcp::endpoint(ip, port))});
    }
    Resolve(target.tcp);
  }

  void GiveUp() {
    done_ = nullptr;
    deadline_.cancel();
    resolver_.cancel();
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void Resolve(const HostPort& name) {
    resolver_.async_resolve(
        name.host, name.port, tcp::resolver::numeric_service,
        [weak = weak_from_this()](error_code error, const tcp::resolver::results_type& found) {
          const auto self = weak.lock();
          if (!self) return;
          if (error) return self->Finish(Status(Code::kUnavailable, error.message()));
          for (const auto& entry : found) self->left_.push_back(Address::Of(entry.endpoint()));
          self->TryNext(ENOENT);
        });
  }

  void Later(std::deque<Address> addresses) {
    left_ = std::move(addresses);
    boost::asio::post(io_.context(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->TryNext(0);
    });
  }

  void TryNext(int last_error) {
    if (!done_) return;
    if (left_.empty()) return Finish(Status(Code::kUnavailable, ErrnoText(last_error)));
    const Address address = left_.front();
    left_.pop_front();
    Fd fd(socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return TryNext(errno);
    TuneTcp(fd.get());
    const int result =
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size);
    if (result == 0) return Finish(std::move(fd));
    if (errno != EINPROGRESS) return TryNext(errno);
    error_code error;
    socket_.close(error);
    socket_.assign(fd.Release(), error);
    if (error) return TryNext(error.value());
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                       [weak = weak_from_this()](error_code failed) {
                         const auto self = weak.lock();
                         if (!failed && self) self->Connected();
                       });
  }

  void Connected() {
    if (!done_) return;
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return TryNext(error);
    Finish(Fd(socket_.release()));
  }

  void Finish(Result<Fd> result) {
    if (!done_) return;
    auto done = std::exchange(done_, nullptr);
    GiveUp();
    done(std::move(result));
  }

  IoThread& io_;
  tcp::resolver resolver_;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer deadline_;
  Function<void(Result<Fd>)> done_;
  std::deque<Address> left_;
};

}  // namespace

std::string Target::Printed() const {
  if (is_unix()) return "unix://" + unix_path;
  const bool v6 = tcp.host.find(':') != std::string::npos;
  return (v6 ? "[" + tcp.host + "]" : tcp.host) + ":" + tcp.port;
}

Result<Target> ParseTarget(std::string_view address) {
  constexpr std::string_view kUnix = "unix://";
  Target target;
  if (!address.starts_with(kUnix)) {
    SWARM_ASSIGN_OR_RETURN(target.tcp, ParseHostPort(address));
    if (target.tcp.host.empty()) {
      return Status(Code::kInvalidArgument,
                    "address \"" + std::string(address) + "\": there is no host to reach");
    }
    return target;
  }
  target.unix_path = address.substr(kUnix.size());
  if (target.unix_path.empty() || target.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Status(Code::kInvalidArgument,
                  "address \"" + std::string(address) + "\": the path must have 1 to " +
                      std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " characters");
  }
  return target;
}

std::shared_ptr<void> Connect(IoThread& io, const Target& target, Duration timeout,
                              Function<void(Result<Fd>)> done) {
  auto attempt = std::make_shared<Attempt>(io, std::move(done));
  attempt->Start(target, timeout);
  return attempt;
}

}  // namespace swarm::tls
