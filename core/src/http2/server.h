// Serves connections that a gate has let in: every call on them goes to a target.
#pragma once

#include <memory>
#include <string>

#include "rpc/call_target.h"
#include "swarm/export.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "tls/io_thread.h"
#include "tls/served_connection.h"

namespace swarm::http2 {

struct ServerOptions {
  CallTarget* target = nullptr;  // outlives the server
  const Clock* clock = nullptr;  // likewise
  Listener listener = Listener::kRemote;
  std::size_t max_message_bytes = 4 << 20;
};

// Threading: [any but the IoThread] unless said otherwise.
class Server {
 public:
  Server(std::shared_ptr<tls::IoThread> io, ServerOptions options);
  // As Stop without grace. Its connections are closed before.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // [io] Null once the server stops.
  std::shared_ptr<tls::Session> Serve(const std::shared_ptr<tls::ServedConnection>& connection,
                                      const std::string& peer_address);
  // [blocking] New calls are refused; waits until those under way have ended, `grace` at most.
  void Drain(Duration grace);
  // [blocking] After the connections are closed: when it returns no handler is called any more, and
  // late answers are dropped. Idempotent.
  void Stop();

  class Core;

 private:
  const std::shared_ptr<tls::IoThread> io_;
  std::shared_ptr<Core> core_;
};

}  // namespace swarm::http2
