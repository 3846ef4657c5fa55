#include "load_generator.h"

#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "http2/grpc_wire.h"

namespace swarm::bench {
namespace {

constexpr int kPatienceMs = 60000;

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

Status SystemError(const std::string& doing) {
  return {Code::kUnavailable, doing + ": " + std::strerror(errno)};
}

SSL_CTX* ClientContext() {
  static const std::unique_ptr<SSL_CTX, SslFree> context = [] {
    std::unique_ptr<SSL_CTX, SslFree> made(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_mode(made.get(),
                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_read_ahead(made.get(), 1);
    const std::string_view alpn = "\x02h2";
    SSL_CTX_set_alpn_protos(made.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
    return made;
  }();
  return context.get();
}

nghttp2_nv Header(std::string_view name, std::string_view value) {
  nghttp2_nv out{};
  out.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
  out.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  out.namelen = name.size();
  out.valuelen = value.size();
  out.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
  return out;
}

}  // namespace

// The calls of one Run.
struct LoadGenerator::Job {
  const std::string& method;
  const int count;
  const MakeRequest& make;
  const TakeReply& take;
  int next = 0;
  int under_way = 0;
  Status error;
};

class LoadGenerator::Connection {
 public:
  Status Open(const TargetSpec& target) {
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (target.socket.size() >= sizeof(address.sun_path)) {
      return {Code::kInvalidArgument, target.socket + ": the path is too long for a socket"};
    }
    std::memcpy(address.sun_path, target.socket.data(), target.socket.size());
    if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      return SystemError("cannot connect to " + target.socket);
    }
    if (!target.plaintext) {
      ssl_.reset(SSL_new(ClientContext()));
      SSL_set_fd(ssl_.get(), fd_);
      if (SSL_connect(ssl_.get()) != 1) {
        return {Code::kUnavailable, "cannot agree on TLS with " + target.socket};
      }
    }
    fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
    return OpenSession();
  }
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }

  int fd() const { return fd_; }

  // The next call, if there is one.
  void Next(Job& job) {
    if (job.next >= job.count || !job.error.ok()) return;
    job_ = &job;
    index_ = job.next++;
    ++job.under_way;
    request_ = job.make(index_);
    const auto prefix = http2::Prefix(request_.size());
    request_.insert(0, prefix.data(), prefix.size());
    sent_ = 0;
    reply_.clear();
    status_.clear();
    message_.clear();
    const std::array<nghttp2_nv, 6> headers = {
        Header(":method", "POST"),
        Header(":scheme", ssl_ ? "https" : "http"),
        Header(":path", job.method),
        Header(":authority", "localhost"),
        Header("content-type", "application/grpc"),
        Header("te", "trailers"),
    };
    nghttp2_data_provider body{};
    body.source.ptr = this;
    body.read_callback = ReadBody;
    nghttp2_submit_request(session_.get(), nullptr, headers.data(), headers.size(), &body, nullptr);
  }

  // Sends what there is to send; false when the connection is lost.
  bool Flush() {
    while (true) {
      const std::uint8_t* data = nullptr;
      const auto size = nghttp2_session_mem_send(session_.get(), &data);
      if (size < 0) return false;
      if (size > 0) output_.append(reinterpret_cast<const char*>(data), std::size_t(size));
      if (size == 0 || output_.size() > (16 << 10)) {
        if (!Write()) return false;
        if (size == 0) return true;
      }
    }
  }

  // Takes what has come; false when the connection is lost.
  bool Receive() {
    std::array<char, 16 << 10> space;
    while (true) {
      const auto got = Read(space.data(), space.size());
      if (got == 0) return false;
      if (got < 0) return Flush();
      const auto taken = nghttp2_session_mem_recv(
          session_.get(), reinterpret_cast<const std::uint8_t*>(space.data()), std::size_t(got));
      if (taken < 0) return false;
      if (std::size_t(got) < space.size() && !(ssl_ && SSL_has_pending(ssl_.get()))) return Flush();
    }
  }

  // The connection is of no use any more.
  void Lost() {
    if (job_ == nullptr) return;
    job_->error =
        Status(Code::kUnavailable, "the server closed a connection in the middle of a call");
    --job_->under_way;
    job_ = nullptr;
  }

 private:
  Status OpenSession() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session* session = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    const int made = nghttp2_session_client_new(&session, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    if (made != 0) return {Code::kResourceExhausted, "no memory for an HTTP/2 session"};
    session_.reset(session);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
    return Flush() ? Status::Ok() : Status(Code::kUnavailable, "the server closed the connection");
  }

  // 0: ended; negative: nothing now.
  ssize_t Read(char* into, std::size_t size) {
    if (!ssl_) {
      const auto got = recv(fd_, into, size, 0);
      return got < 0 && errno != EAGAIN ? 0 : got;
    }
    ERR_clear_error();
    const int got = SSL_read(ssl_.get(), into, static_cast<int>(size));
    if (got > 0) return got;
    return SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ ? -1 : 0;
  }

  // Requests are small and one at a time: the socket has room unless the server does not read.
  bool Write() {
    std::size_t done = 0;
    while (done < output_.size()) {
      const std::size_t left = output_.size() - done;
      const auto sent = ssl_ ? SSL_write(ssl_.get(), output_.data() + done, static_cast<int>(left))
                             : send(fd_, output_.data() + done, left, MSG_NOSIGNAL);
      if (sent <= 0) break;
      done += static_cast<std::size_t>(sent);
    }
    output_.erase(0, done);
    return output_.empty();
  }

  static Connection& Self(void* user) { return *static_cast<Connection*>(user); }

  static ssize_t ReadBody(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& self = Self(source->ptr);
    const std::size_t take = std::min(size, self.request_.size() - self.sent_);
    std::memcpy(into, self.request_.data() + self.sent_, take);
    self.sent_ += take;
    if (self.sent_ == self.request_.size()) *flags = NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(take);
  }

  static int OnHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    const std::string_view text(reinterpret_cast<const char*>(value), value_size);
    if (key == "grpc-status") Self(user).status_ = text;
    if (key == "grpc-message") Self(user).message_ = text;
    return 0;
  }

  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data,
                    std::size_t size, void* user) {
    Self(user).reply_.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }

  static int OnClose(nghttp2_session*, std::int32_t, std::uint32_t, void* user) {
    Self(user).Ended();
    return 0;
  }

  void Ended() {
    Job& job = *std::exchange(job_, nullptr);
    --job.under_way;
    Status status;
    if (status_ != "0") {
      status = Status(Code::kUnknown, "status " + status_ + ": " + message_);
    } else if (reply_.size() < http2::kPrefixBytes) {
      status = Status(Code::kUnknown, "there is no message in the reply");
    } else {
      reply_.erase(0, http2::kPrefixBytes);
      status = job.take(index_, reply_);
    }
    if (!status.ok()) job.error = status;
    Next(job);
  }

  int fd_ = -1;
  SslPtr ssl_;
  std::unique_ptr<nghttp2_session, SslFree> session_;
  std::string output_;
  Job* job_ = nullptr;  // the call under way is its number `index_`
  int index_ = 0;
  std::string request_;
  std::size_t sent_ = 0;
  std::string reply_;
  std::string status_;
  std::string message_;
};

LoadGenerator::LoadGenerator() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
LoadGenerator::~LoadGenerator() {
  if (epoll_ >= 0) close(epoll_);
}

Status LoadGenerator::Connect(const TargetSpec& target, int clients) {
  target_ = target.name;
  for (int i = 0; i < clients; ++i) {
    auto connection = std::make_unique<Connection>();
    const Status opened = connection->Open(target);
    if (!opened.ok()) return opened.WithContext(target_);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection.get();
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->fd(), &event) != 0) {
      return SystemError("cannot watch a connection").WithContext(target_);
    }
    connections_.push_back(std::move(connection));
  }
  return Status::Ok();
}

Status LoadGenerator::Run(const std::string& method, int count, const MakeRequest& make,
                          const TakeReply& take) {
  Job job{method, count, make, take, 0, 0, {}};
  for (const auto& connection : connections_) {
    connection->Next(job);
    if (!connection->Flush()) connection->Lost();
  }
  std::array<epoll_event, 256> ready;
  while (job.under_way > 0) {
    const int n = epoll_wait(epoll_, ready.data(), ready.size(), kPatienceMs);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return Status(Code::kDeadlineExceeded, "no answer came for a minute").WithContext(target_);
    }
    for (int i = 0; i < n; ++i) {
      auto& connection = *static_cast<Connection*>(ready[static_cast<std::size_t>(i)].data.ptr);
      if (!connection.Receive()) {
        connection.Lost();
        epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.fd(), nullptr);
      }
    }
  }
  return job.error.WithContext(target_);
}

}  // namespace swarm::bench
