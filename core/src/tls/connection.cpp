#include "tls/connection.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "swarm/check.h"

namespace swarm::tls {
namespace {

using boost::system::error_code;

// More than a hello with a long certificate chain has.
constexpr std::size_t kMaxHandshakeBytes = 128 << 10;

Status Unavailable(std::string why) { return {Code::kUnavailable, std::move(why)}; }

}  // namespace

Connection::Connection(IoThread& io, Fd net) : io_(io), net_(io.context()), timer_(io.context()) {
  error_code ignored;  // the reactor takes every socket; without memory the first wait fails
  net_.assign(net.Release(), ignored);
}

Connection::~Connection() = default;

Status Connection::UseServerTls(const TlsContext& context) {
  return StartTls(context.NewServer(net_.native_handle(), verification_));
}

Status Connection::UseClientTls(const TlsContext& context, std::optional<std::string> server_name) {
  verification_.server_name = std::move(server_name);
  return StartTls(context.NewClient(net_.native_handle(), verification_));
}

Status Connection::StartTls(SslPtr ssl) {
  if (!ssl) return {Code::kResourceExhausted, "no memory for a TLS connection"};
  ssl_ = std::move(ssl);
  return Status::Ok();
}

std::string_view Connection::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  if (ssl_) SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

void Connection::Handshake(Duration timeout, Function<void(Status)> done) {
  handshake_done_ = std::move(done);
  timer_.expires_after(timeout);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->FinishHandshake(Unavailable("it took too long"));
  });
  boost::asio::post(io_.context(), [self = shared_from_this()] { self->StepHandshake(); });
}

void Connection::StepHandshake() {
  if (closed_ || !handshake_done_) return;
  if (!ssl_) return FinishHandshake(Status::Ok());
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return FinishHandshake(Status::Ok());
  const int error = SSL_get_error(ssl_.get(), result);
  if (BIO_number_read(SSL_get_rbio(ssl_.get())) > kMaxHandshakeBytes) {
    return FinishHandshake(Unavailable("it sent too much before the end of the handshake"));
  }
  if (error == SSL_ERROR_WANT_READ) return Wait(net_, Step::kReadable, &Connection::StepHandshake);
  if (error == SSL_ERROR_WANT_WRITE) return Wait(net_, Step::kWritable, &Connection::StepHandshake);
  FinishHandshake(HandshakeError(error, errno));
}

Status Connection::HandshakeError(int result, int error) const {
  if (!verification_.refused_because.empty()) {
    ERR_clear_error();
    return {Code::kUnauthenticated, verification_.refused_because};
  }
  if (result == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
    return Unavailable(error == 0 ? "it closed the connection" : ErrnoText(error));
  }
  return Unavailable(TakeError("it closed the connection"));
}

void Connection::FinishHandshake(Status status) {
  if (!handshake_done_) return;
  timer_.cancel();
  if (status.ok() && ssl_) {
    const X509Ptr peer(SSL_get1_peer_certificate(ssl_.get()));
    const bool verified = verification_.peer == Purpose::kClient || verification_.server_name;
    if (peer && verified) identity_ = IdentityOf(peer.get());
  }
  auto done = std::exchange(handshake_done_, nullptr);
  if (!status.ok()) Close(status);
  done(std::move(status));
}

void Connection::Begin(ClosedFn closed) {
  SWARM_CHECK(!closed_fn_, "a connection is started once");
  closed_fn_ = std::move(closed);
}

void Connection::Close(Status why) {
  if (std::exchange(closed_, true)) return;
  error_code ignored;
  timer_.cancel();
  net_.close(ignored);
  OnClose();
  if (handshake_done_) {
    auto done = std::exchange(handshake_done_, nullptr);
    done(why);
  }
  if (closed_fn_) {
    auto closed = std::exchange(closed_fn_, [](Status) {});
    closed(std::move(why));
  }
}

void Connection::CloseAfter(Duration patience, Status why) {
  timer_.expires_after(patience);
  timer_.async_wait([self = shared_from_this(), why = std::move(why)](error_code error) {
    if (!error) self->Close(why);
  });
}

void Connection::EndWriting() {
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  shutdown(net_.native_handle(), SHUT_WR);
}

bool Connection::HasUnread() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }

Connection::Moved Connection::FromSsl(int result) const {
  const int system = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Step::kReadable};
    case SSL_ERROR_WANT_WRITE:
      return {Step::kWritable};
    case SSL_ERROR_ZERO_RETURN:
      return {Step::kEnd};
    default:
      return {Step::kError, 0, system};
  }
}

Connection::Moved Connection::ReadNet(char* to, std::size_t size) {
  if (!ssl_) {
    const auto got = recv(net_.native_handle(), to, size, 0);
    if (got > 0) return {Step::kData, static_cast<std::size_t>(got)};
    if (got == 0) return {Step::kEnd};
    return errno == EAGAIN ? Moved{Step::kReadable} : Moved{Step::kError, 0, errno};
  }
  ERR_clear_error();
  std::size_t got = 0;
  const int result = SSL_read_ex(ssl_.get(), to, size, &got);
  return result == 1 ? Moved{Step::kData, got} : FromSsl(result);
}

Connection::Moved Connection::WriteNet(const char* from, std::size_t size) {
  if (!ssl_) {
    const auto sent = send(net_.native_handle(), from, size, MSG_NOSIGNAL);
    if (sent >= 0) return {Step::kData, static_cast<std::size_t>(sent)};
    return errno == EAGAIN ? Moved{Step::kWritable} : Moved{Step::kError, 0, errno};
  }
  ERR_clear_error();
  std::size_t sent = 0;
  const int result = SSL_write_ex(ssl_.get(), from, size, &sent);
  return result == 1 ? Moved{Step::kData, sent} : FromSsl(result);
}

void Connection::Fail(std::string_view doing, const Moved& moved) {
  const std::string system = moved.error == 0 ? "the peer closed it" : ErrnoText(moved.error);
  Close(Unavailable(std::string(doing) + ": " + (ssl_ ? TakeError(system) : system)));
}

}  // namespace swarm::tls
