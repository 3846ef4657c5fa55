#include "fake_engine.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace swarm::engine::test {
namespace {

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "/v1.41/info?x=y" as "/info".
std::string Plain(std::string target) {
  target = target.substr(0, target.find('?'));
  if (target.starts_with("/v1.")) target.erase(0, target.find('/', 1));
  return target;
}

}  // namespace

bool FakeConnection::Fill() {
  for (;;) {
    pollfd ready{fd_, POLLIN, 0};
    const int count = poll(&ready, 1, 20);
    if (stopping_) return false;
    if (count > 0) break;
  }
  char buffer[16384];
  const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  input_.append(buffer, static_cast<std::size_t>(got));
  return true;
}

bool FakeConnection::TakeLine(std::string& line) {
  std::size_t end = 0;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (!Fill()) return false;
  }
  line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return true;
}

bool FakeConnection::TakeBytes(std::size_t count, std::string& out) {
  while (input_.size() < count) {
    if (!Fill()) return false;
  }
  out.append(input_, 0, count);
  input_.erase(0, count);
  return true;
}

bool FakeConnection::ReadChunkedBody(std::string& body) {
  for (;;) {
    std::string line;
    if (!TakeLine(line)) return false;
    const std::size_t size = std::stoul(line, nullptr, 16);
    if (!TakeBytes(size, body) || !TakeLine(line)) return false;
    if (size == 0) return true;
  }
}

bool FakeConnection::ReadRequest(FakeRequest& out) {
  out = FakeRequest();
  std::string line;
  if (!TakeLine(line)) return false;
  const std::size_t space = line.find(' ');
  out.method = line.substr(0, space);
  out.target = line.substr(space + 1, line.rfind(' ') - space - 1);
  while (TakeLine(line) && !line.empty()) {
    const std::size_t colon = line.find(':');
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    out.headers[Lower(line.substr(0, colon))] =
        value == std::string::npos ? "" : line.substr(value);
  }
  if (out.headers.contains("transfer-encoding")) return ReadChunkedBody(out.body);
  const auto length = out.headers.find("content-length");
  return length == out.headers.end() || TakeBytes(std::stoul(length->second), out.body);
}

bool FakeConnection::Write(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    pollfd ready{fd_, POLLOUT, 0};
    const int count = poll(&ready, 1, 20);
    if (stopping_) return false;
    if (count <= 0) continue;
    const ssize_t put =
        send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno != EAGAIN) return false;
    if (put > 0) sent += static_cast<std::size_t>(put);
  }
  return true;
}

bool FakeConnection::Answer(int status, const std::string& body, const std::string& extra) {
  return Write("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n" + extra + "\r\n" + body);
}

bool FakeConnection::BeginChunked(const std::string& extra) {
  return Write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + extra + "\r\n");
}

bool FakeConnection::Chunk(const std::string& bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return Write(size + bytes + "\r\n");
}

void FakeConnection::WaitForClose() {
  while (Fill()) {
  }
}

FakeEngine::FakeEngine(Kind kind) : kind_(kind) {
  char name[] = "/tmp/fake-engine.XXXXXX";
  folder_ = mkdtemp(name);
  address_ = "unix://" + folder_ + "/engine.sock";
  Start();
}

FakeEngine::~FakeEngine() {
  Stop();
  std::filesystem::remove_all(folder_);
}

void FakeEngine::Start() {
  stopping_ = false;
  if (kind_ == Kind::kUnix) {
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder_ + "/engine.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  } else {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    address_ = "tcp://127.0.0.1:" + std::to_string(port_);
  }
  EXPECT_EQ(listen(listener_, 1024), 0);
  acceptor_ = std::thread([this] { Accept(); });
}

void FakeEngine::Stop() {
  if (listener_ < 0) return;
  stopping_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  close(listener_);
  listener_ = -1;
  std::filesystem::remove(folder_ + "/engine.sock");
}

void FakeEngine::Leave() { std::filesystem::remove(folder_ + "/engine.sock"); }

void FakeEngine::On(const std::string& call, Handler handler) {
  const std::lock_guard lock(mutex_);
  handlers_[call] = std::move(handler);
}

void FakeEngine::SetApi(std::string api) {
  const std::lock_guard lock(mutex_);
  api_ = std::move(api);
}

std::vector<std::string> FakeEngine::Asked() {
  const std::lock_guard lock(mutex_);
  return asked_;
}

void FakeEngine::Accept() {
  while (!stopping_) {
    pollfd ready{listener_, POLLIN, 0};
    if (poll(&ready, 1, 20) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void FakeEngine::Serve(int fd) {
  FakeConnection connection(fd, stopping_);
  FakeRequest request;
  while (connection.keep() && connection.ReadRequest(request)) {
    const std::string call = request.method + " " + Plain(request.target);
    Handler handler;
    std::string api;
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(request.method + " " + request.target);
      api = api_;
      const auto found = handlers_.find(call);
      if (found != handlers_.end()) handler = found->second;
    }
    if (handler) {
      handler(connection, request);
    } else if (call == "GET /_ping") {
      connection.Answer(200, "OK", "Api-Version: " + api + "\r\n");
    } else {
      connection.Answer(404, R"({"message":"page not found"})");
    }
  }
  close(fd);
}

}  // namespace swarm::engine::test
