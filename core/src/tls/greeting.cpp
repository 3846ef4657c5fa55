#include "tls/greeting.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

namespace swarm::tls {
namespace {

using boost::system::error_code;

constexpr char kTlsHandshake = 0x16;
constexpr std::string_view kHttp2 = "PRI * HTTP/2";
// Between two looks at a beginning that may become either; readiness says nothing new then.
constexpr auto kLookAgain = std::chrono::milliseconds(5);

}  // namespace

Greeting::Greeting(IoThread& io, Fd socket)
    : socket_(io.context()), deadline_(io.context()), again_(io.context()) {
  error_code ignored;
  socket_.assign(socket.Release(), ignored);
}

void Greeting::Start(Duration timeout, Function<void(Result<Kind>)> done) {
  done_ = std::move(done);
  deadline_.expires_after(timeout);
  deadline_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->Finish(Status(Code::kUnavailable, "it said nothing for too long"));
  });
  Wait();
}

void Greeting::Wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](error_code error) {
                       if (!error) self->Look();
                     });
}

void Greeting::Look() {
  if (!done_) return;
  std::array<char, kHttp2.size()> bytes{};
  const auto got = recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_PEEK);
  if (got < 0 && errno == EAGAIN) return Wait();
  if (got < 0) return Finish(Status(Code::kUnavailable, ErrnoText(errno)));
  if (got == 0) return Finish(Status(Code::kCancelled, "it closed the connection"));
  if (bytes[0] == kTlsHandshake) return Finish(Kind::kTls);
  const std::string_view seen(bytes.data(), static_cast<std::size_t>(got));
  if (seen == kHttp2) return Finish(Kind::kPlaintext);
  if (!kHttp2.starts_with(seen)) {
    return Finish(Status(Code::kInvalidArgument, "it does not begin a TLS handshake"));
  }
  again_.expires_after(kLookAgain);
  again_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->Look();
  });
}

void Greeting::Finish(Result<Kind> kind) {
  if (!done_) return;
  deadline_.cancel();
  again_.cancel();
  std::exchange(done_, nullptr)(std::move(kind));
}

void Greeting::Cancel() {
  done_ = nullptr;
  deadline_.cancel();
  again_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

Fd Greeting::TakeSocket() { return socket_.is_open() ? Fd(socket_.release()) : Fd(); }

}  // namespace swarm::tls
