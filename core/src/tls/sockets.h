// Sockets as the transport makes them: non-blocking, closed on exec, errors as values.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "swarm/status.h"

namespace swarm::tls {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { Reset(-1); }

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  void Reset(int fd);
  int fd_ = -1;
};

struct HostPort {
  std::string host;  // without brackets; empty: every address
  std::string port;
};
// "host:port", "[v6]:port", ":port"; InvalidArgument naming the address.
Result<HostPort> ParseHostPort(std::string_view address);

struct UnixSocketOptions {
  std::string path;
  std::uint32_t mode = 0;  // 0: left to the umask
  std::string group;       // empty: the process's
};
// Makes the parent folder (0700) when absent and replaces a socket nobody listens on any more.
Result<Fd> ListenUnix(const UnixSocketOptions& options);
// The address must be numeric or a name of this machine; port 0 takes a free one.
Result<Fd> ListenTcp(const HostPort& address);
// "ip:port" or the path a listening socket is bound to.
std::string BoundAddress(int fd);
// "ip:port" of a connected peer, mapped IPv4 addresses as such; "@" for unix sockets.
std::string PeerAddress(int fd);

// On an address in the kernel's abstract namespace, which ends with its socket.
Result<Fd> ListenAbstract(std::string_view name);
// 128 random bits in hex.
std::string RandomName();

// Notices peers that vanished, and sends small messages at once. No-op on unix sockets.
void TuneTcp(int fd);

// "Connection refused" and so on.
std::string ErrnoText(int error);

}  // namespace swarm::tls
