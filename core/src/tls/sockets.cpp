#include "tls/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "swarm/check.h"

namespace swarm::tls {
namespace {

Status Failed(const std::string& what, int error) {
  const Code code = error == EACCES || error == EPERM    ? Code::kPermissionDenied
                    : error == EADDRINUSE                ? Code::kAlreadyExists
                    : error == EMFILE || error == ENFILE ? Code::kResourceExhausted
                    : error == EINVAL || error == ENOENT ? Code::kInvalidArgument
                                                         : Code::kUnavailable;
  return {code, what + ": " + ErrnoText(error)};
}

Result<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Status(Code::kInvalidArgument, "socket path " + path + ": must have 1 to " +
                                              std::to_string(sizeof(address.sun_path) - 1) +
                                              " characters");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

socklen_t AbstractAddress(std::string_view name, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  SWARM_CHECK(name.size() + 1 < sizeof(address->sun_path), "our own names are short");
  std::memcpy(address->sun_path + 1, name.data(), name.size());
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

Fd NewSocket(int family) {
  return Fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

const sockaddr* Plain(const void* address) { return static_cast<const sockaddr*>(address); }

// Whether some process accepts on the path; a socket file outlives its process.
bool Answers(const sockaddr_un& address) {
  const Fd probe = NewSocket(AF_UNIX);
  if (!probe) return true;
  return connect(probe.get(), Plain(&address), sizeof(address)) == 0 || errno == EAGAIN;
}

Status MakeParent(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return Status::Ok();
  const std::string parent = path.substr(0, slash);
  struct stat info {};
  if (stat(parent.c_str(), &info) == 0) return Status::Ok();
  SWARM_RETURN_IF_ERROR(MakeParent(parent));
  if (mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failed("cannot make folder " + parent, errno);
  }
  return Status::Ok();
}

Status SetGroup(const UnixSocketOptions& options) {
  if (options.group.empty()) return Status::Ok();
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(64 << 10);
  getgrnam_r(options.group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return {Code::kInvalidArgument,
            "socket " + options.path + ": there is no group " + options.group};
  }
  if (chown(options.path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) {
    return Failed("cannot give socket " + options.path + " to group " + options.group, errno);
  }
  return Status::Ok();
}

std::string Printed(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    const std::string port = ":" + std::to_string(ntohs(v6.sin6_port));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
      return text.data() + port;
    }
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]" + port;
  }
  return "@";
}

Result<Fd> ListenOn(const addrinfo& info, const std::string& name) {
  Fd fd = NewSocket(info.ai_family);
  if (!fd) return Failed("cannot make a socket for " + name, errno);
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // "[::]:4242" and ":4242" mean IPv4 too.
  if (info.ai_family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (bind(fd.get(), info.ai_addr, info.ai_addrlen) != 0 || listen(fd.get(), SOMAXCONN) != 0) {
    return Failed("cannot listen on " + name, errno);
  }
  return fd;
}

}  // namespace

void Fd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

Result<HostPort> ParseHostPort(std::string_view address) {
  const Status bad(Code::kInvalidArgument,
                   "address \"" + std::string(address) + "\": must be host:port or [v6]:port");
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == address.size()) return bad;
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos) return bad;
  if (std::stoi(std::string(port)) > 65535) return bad;
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return bad;
  return HostPort{std::string(host), std::string(port)};
}

Result<Fd> ListenUnix(const UnixSocketOptions& options) {
  SWARM_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(options.path));
  SWARM_RETURN_IF_ERROR(MakeParent(options.path));
  Fd fd = NewSocket(AF_UNIX);
  if (!fd) return Failed("cannot make a socket for " + options.path, errno);
  int bound = bind(fd.get(), Plain(&address), sizeof(address));
  if (bound != 0 && errno == EADDRINUSE) {
    struct stat info {};
    if (stat(options.path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
      return Status(Code::kAlreadyExists, "cannot listen on " + options.path +
                                              ": a file that is no socket is in the way");
    }
    if (Answers(address)) {
      return Status(Code::kAlreadyExists,
                    "cannot listen on " + options.path + ": another process serves it");
    }
    unlink(options.path.c_str());
    bound = bind(fd.get(), Plain(&address), sizeof(address));
  }
  if (bound != 0) return Failed("cannot listen on " + options.path, errno);
  if (options.mode != 0 && chmod(options.path.c_str(), options.mode) != 0) {
    return Failed("cannot set the mode of socket " + options.path, errno);
  }
  SWARM_RETURN_IF_ERROR(SetGroup(options));
  if (listen(fd.get(), SOMAXCONN) != 0) return Failed("cannot listen on " + options.path, errno);
  return fd;
}

Result<Fd> ListenTcp(const HostPort& address) {
  const std::string name = address.host + ":" + address.port;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const char* host = address.host.empty() ? "::" : address.host.c_str();
  const int error = getaddrinfo(host, address.port.c_str(), &hints, &list);
  if (error != 0) {
    return Status(Code::kInvalidArgument, "cannot listen on " + name + ": " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  auto result = ListenOn(*list, name);
  if (!result.ok() && address.host.empty()) {  // a machine without IPv6
    return ListenTcp({"0.0.0.0", address.port});
  }
  return result;
}

std::string BoundAddress(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  if (address.ss_family == AF_UNIX) return reinterpret_cast<sockaddr_un&>(address).sun_path;
  return Printed(address);
}

std::string PeerAddress(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
  return Printed(address);
}

Result<Fd> ListenAbstract(std::string_view name) {
  Fd fd = NewSocket(AF_UNIX);
  if (!fd) return Failed("cannot make a socket", errno);
  sockaddr_un address;
  const socklen_t size = AbstractAddress(name, &address);
  if (bind(fd.get(), Plain(&address), size) != 0) {
    return Failed("cannot name a socket inside of the process", errno);
  }
  if (listen(fd.get(), SOMAXCONN) != 0) return Failed("cannot listen inside of the process", errno);
  return fd;
}

std::string RandomName() {
  std::array<unsigned char, 16> bytes{};
  const auto got = getrandom(bytes.data(), bytes.size(), 0);
  SWARM_CHECK(got == static_cast<ssize_t>(bytes.size()), "small requests are never cut short");
  std::string name;
  for (const unsigned char byte : bytes) {
    name += "0123456789abcdef"[byte >> 4];
    name += "0123456789abcdef"[byte & 15];
  }
  return name;
}

void TuneTcp(int fd) {
  const int on = 1;
  const int idle_s = 30;
  const int every_s = 10;
  const int unanswered = 3;
  const int unacknowledged_ms = 60000;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) return;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &unanswered, sizeof(unanswered));
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof(unacknowledged_ms));
}

}  // namespace swarm::tls
