#include "hello_watcher.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace swarm::test {

namespace {

constexpr int kTickMs = 50;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kAlpn = 16;

sockaddr_in AddressOf(const std::string& text) {
  const auto colon = text.find(':');
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  inet_pton(AF_INET, text.substr(0, colon).c_str(), &out.sin_addr);
  return out;
}

// Numbers and blocks of a message; past its end everything is empty.
class Reader {
 public:
  explicit Reader(std::string text) : text_(std::move(text)) {}
  std::size_t Number(std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | (at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : 0);
      ++at_;
    }
    return value;
  }
  void Skip(std::size_t bytes) { at_ += bytes; }
  bool AtEnd() const { return at_ >= text_.size(); }

 private:
  const std::string text_;
  std::size_t at_ = 0;
};

bool SendAll(int fd, const char* bytes, std::size_t count) {
  while (count > 0) {
    const auto sent = send(fd, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

// What there is, up to a bufferful; false at the end.
bool Forward(int from, int to, std::string* noted) {
  char buffer[16384];
  const auto count = recv(from, buffer, sizeof buffer, 0);
  if (count <= 0) return false;
  if (noted != nullptr) noted->append(buffer, static_cast<std::size_t>(count));
  return SendAll(to, buffer, static_cast<std::size_t>(count));
}

bool IsWhole(const std::string& hello) {
  if (hello.size() < kRecordHeader) return false;
  Reader reader(hello);
  reader.Skip(3);
  return hello.size() >= kRecordHeader + reader.Number(2);
}

}  // namespace

bool OffersAlpn(const std::string& hello) {
  Reader reader(hello);
  reader.Skip(kRecordHeader + 4 + 2 + 32);  // record, handshake, version, random
  reader.Skip(reader.Number(1));            // session id
  reader.Skip(reader.Number(2));            // cipher suites
  reader.Skip(reader.Number(1));            // compression
  reader.Skip(2);                           // length of the extensions
  while (!reader.AtEnd()) {
    if (reader.Number(2) == kAlpn) return true;
    reader.Skip(reader.Number(2));
  }
  return false;
}

HelloWatcher::HelloWatcher(const std::string& host, const std::string& target) : target_(target) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = AddressOf(host + ":0");
  socklen_t size = sizeof at;
  auto* generic = reinterpret_cast<sockaddr*>(&at);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0) std::abort();
  getsockname(listener_, generic, &size);
  address_ = host + ":" + std::to_string(ntohs(at.sin_port));
  accepting_ = std::thread([this] { Accept(); });
}

HelloWatcher::~HelloWatcher() {
  stopping_ = true;
  accepting_.join();
  for (std::thread& thread : passing_) thread.join();
  close(listener_);
}

std::vector<bool> HelloWatcher::alpn_offered() const {
  const std::lock_guard lock(mutex_);
  return offered_;
}

void HelloWatcher::Accept() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kTickMs) != 1) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) passing_.emplace_back([this, client] { Pass(client); });
  }
}

void HelloWatcher::Pass(int client) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in to = AddressOf(target_);
  bool open = connect(server, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  std::string hello;
  bool noted = false;
  while (open && !stopping_) {
    pollfd ends[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(ends, 2, kTickMs) <= 0) continue;
    if (ends[0].revents != 0) open = Forward(client, server, noted ? nullptr : &hello);
    if (open && ends[1].revents != 0) open = Forward(server, client, nullptr);
    if (!noted && IsWhole(hello)) {
      noted = true;
      const std::lock_guard lock(mutex_);
      offered_.push_back(OffersAlpn(hello));
    }
  }
  close(server);
  close(client);
}

}  // namespace swarm::test
