// One connection: an encrypted (or, locally, plain) socket on one side, a socket of this process on
// the other, and the bytes between them.
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

  // Before the handshake, one of them, or none for plaintext.
  Status UseServerTls(const TlsContext& context);
  Status UseClientTls(const TlsContext& context, std::optional<std::string> server_name);

  // `done` once, not inside of this call; the error says what the peer did or lacks.
  void Handshake(Duration timeout, Function<void(Status)> done);
  // Of the peer's verified certificate; nothing when it showed none.
  const std::optional<Identity>& identity() const { return identity_; }
  // "h2", or empty when nothing was agreed on.
  std::string_view alpn() const;

  // Passes bytes between the peer and `app` until both have closed. `closed` runs exactly once.
  void Start(Fd app, ClosedFn closed);
  // Runs once, when the peer's first bytes have come. Before Start.
  void OnFirstBytes(Function<void()> fn) { first_bytes_ = std::move(fn); }
  // At once, both sides. Idempotent.
  void Close(Status why);

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;
  enum class Step : unsigned char { kData, kReadable, kWritable, kEnd, kError };
  struct Moved {
    Step step;
    std::size_t bytes = 0;
    int error = 0;  // of the system, for kError
  };

  Status StartTls(SslPtr ssl);
  void StepHandshake();
  void FinishHandshake(Status status);
  Status HandshakeError(int result, int error) const;

  // Peer to process.
  void PumpIn();
  bool FlushIn();
  void EndIn();
  // Process to peer.
  void PumpOut();
  bool FlushOut();
  void EndOut();
  void EndBoth();

  Moved ReadNet(char* to, std::size_t size);
  Moved WriteNet(const char* from, std::size_t size);
  Moved FromSsl(int result) const;
  void Wait(Descriptor& on, Step what, void (Connection::*next)());
  void Fail(std::string_view doing, const Moved& moved);

  IoThread& io_;
  Descriptor net_;
  Descriptor app_;
  boost::asio::steady_timer timer_;
  Verification verification_;
  SslPtr ssl_;  // null: plaintext
  std::optional<Identity> identity_;
  Function<void(Status)> handshake_done_;
  ClosedFn closed_fn_;
  Function<void()> first_bytes_;
  std::string in_tail_;   // read from the peer, not yet taken by the process
  std::string out_tail_;  // the other way round
  bool in_ended_ = false;
  bool out_ended_ = false;
  bool closed_ = false;
};

}  // namespace swarm::tls
