// The listening side of the transport: accepts, shakes hands, finds out who the peer is, and gives
// each connection a session that serves it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "swarm/log.h"
#include "swarm/runtime.h"
#include "tls/context.h"
#include "tls/io_thread.h"
#include "tls/served_connection.h"
#include "tls/sockets.h"

namespace swarm::tls {

struct GateOptions {
  // Also admits HTTP/2 in plaintext. For unix sockets only.
  bool plaintext = false;
  Duration handshake_timeout = std::chrono::seconds(10);
  // Connections that have not shown who they are yet; for another one the oldest of the host that
  // has the most of them goes.
  std::size_t max_handshakes = 512;
  Logger logger;
  // For the preface and the settings of a new connection.
  Duration greeting_timeout = std::chrono::seconds(5);
  // [io] What serves a connection whose handshake is done; null: nothing does any more. The session
  // may keep the connection only weakly.
  std::function<std::shared_ptr<Session>(const std::shared_ptr<ServedConnection>& connection,
                                         const std::string& peer_address)>
      serve;
};

// Threading: [any], but never the IoThread. Lifetime: CloseAll comes before the destructor.
class Gate {
 public:
  Gate(std::shared_ptr<IoThread> io, Fd listener, std::shared_ptr<const TlsContext> context,
       GateOptions options);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // For handshakes from now on.
  void SetContext(std::shared_ptr<const TlsContext> context);
  // Ends every connection whose certificate names the node.
  void CloseConnectionsOf(std::string_view node_id);
  // Afterwards `serve` is not called any more. Idempotent.
  void StopAccepting();
  // Idempotent.
  void CloseAll();

  class Core;

 private:
  const std::shared_ptr<IoThread> io_;
  const std::shared_ptr<Core> core_;
};

}  // namespace swarm::tls
