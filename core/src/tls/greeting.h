// The first bytes of a new connection: whether the peer begins a TLS handshake. They stay in the
// socket.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "tls/io_thread.h"
#include "tls/sockets.h"

namespace swarm::tls {

// Threading: everything on the IoThread.
class Greeting : public std::enable_shared_from_this<Greeting> {
 public:
  enum class Kind : unsigned char { kTls, kPlaintext };

  Greeting(IoThread& io, Fd socket);

  // `done` once, not inside of this call. Cancelled: the peer closed without a word.
  void Start(Duration timeout, Function<void(Result<Kind>)> done);
  // Closes; `done` is not called any more.
  void Cancel();
  // After `done`.
  Fd TakeSocket();

 private:
  void Wait();
  void Look();
  void Finish(Result<Kind> kind);

  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer again_;
  Function<void(Result<Kind>)> done_;
};

}  // namespace swarm::tls
