// A socket to a peer, encrypted or, locally, plain: handshake, who the peer is, and its end. What
// the bytes are for is said by those who derive from it.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "swarm/function.h"
#include "swarm/rpc.h"
#include "swarm/status.h"
#include "tls/context.h"
#include "tls/io_thread.h"
#include "tls/sockets.h"

namespace swarm::tls {

// Threading: everything on the IoThread. Kept alive by its own waits until it is closed.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Why it ended; OK when both sides closed in order.
  using ClosedFn = Function<void(Status)>;

  Connection(IoThread& io, Fd net);
  virtual ~Connection();

  // Before the handshake, one of them, or none for plaintext.
  Status UseServerTls(const TlsContext& context);
  Status UseClientTls(const TlsContext& context, std::optional<std::string> server_name);

  // `done` once, not inside of this call; the error says what the peer did or lacks.
  void Handshake(Duration timeout, Function<void(Status)> done);
  // Of the peer's verified certificate; nothing when it showed none.
  const std::optional<Identity>& identity() const { return identity_; }
  // "h2", or empty when nothing was agreed on.
  std::string_view alpn() const;

  // At once. Idempotent.
  void Close(Status why);

 protected:
  using Descriptor = boost::asio::posix::stream_descriptor;
  enum class Step : unsigned char { kData, kReadable, kWritable, kEnd, kError };
  struct Moved {
    Step step;
    std::size_t bytes = 0;
    int error = 0;  // of the system, for kError
  };
  // Reads of one turn: a busy connection must let others live.
  static constexpr int kRoundsPerTurn = 8;
  // How long the peer may take to close its side once ours is closed.
  static constexpr auto kLinger = std::chrono::seconds(5);

  // Once, after the handshake: `closed` runs exactly once, also when it is closed already.
  void Begin(ClosedFn closed);
  // The connection was closed; runs before `closed`.
  virtual void OnClose() = 0;

  Moved ReadNet(char* to, std::size_t size);
  Moved WriteNet(const char* from, std::size_t size);
  // Whether a read may bring bytes without waiting for the socket.
  bool HasUnread() const;
  // No more bytes from us.
  void EndWriting();
  // Runs `next` of the derived class unless the connection has been closed by then.
  template <class Self>
  void Wait(Descriptor& on, Step what, void (Self::*next)()) {
    const auto kind = what == Step::kReadable ? Descriptor::wait_read : Descriptor::wait_write;
    on.async_wait(kind, [self = std::static_pointer_cast<Self>(shared_from_this()),
                         next](boost::system::error_code error) {
      if (self->closed_) return;
      if (error) return self->Close({Code::kUnavailable, error.message()});
      ((*self).*next)();
    });
  }
  // Closes unless the timer is set again or cancelled before.
  void CloseAfter(Duration patience, Status why);
  void Fail(std::string_view doing, const Moved& moved);

  IoThread& io() { return io_; }
  Descriptor& net() { return net_; }
  boost::asio::steady_timer& timer() { return timer_; }
  bool closed() const { return closed_; }

 private:
  Status StartTls(SslPtr ssl);
  void StepHandshake();
  void FinishHandshake(Status status);
  Status HandshakeError(int result, int error) const;
  Moved FromSsl(int result) const;

  IoThread& io_;
  Descriptor net_;
  boost::asio::steady_timer timer_;
  Verification verification_;
  SslPtr ssl_;  // null: plaintext
  std::optional<Identity> identity_;
  Function<void(Status)> handshake_done_;
  ClosedFn closed_fn_;
  bool closed_ = false;
};

}  // namespace swarm::tls
