// A listener of this node: a unix socket or a TCP port, TLS, and behind it calls for a target.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "rpc/call_target.h"
#include "swarm/export.h"
#include "swarm/log.h"
#include "swarm/network.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::tls {
class IoThread;
}

namespace swarm::rpc {

// The thread that serves the sockets; one for a process is enough. On creation SIGPIPE is ignored
// from then on.
SWARM_EXPORT std::shared_ptr<tls::IoThread> MakeIoThread();

struct RpcServerOptions {
  std::shared_ptr<tls::IoThread> io;  // null: one of its own
  CallTarget* target = nullptr;       // outlives the server
  const Clock* clock = nullptr;       // likewise
  Logger logger;

  // What callers count as: Listener::kLocal trusts all of them.
  Listener listener = Listener::kRemote;
  // Either a socket file or "host:port"; port 0 takes a free one.
  std::string unix_path;
  std::string tcp_address;
  // Of the socket file. 0 and empty: the umask's mode, the process's group.
  std::uint32_t mode = 0;
  std::string group;
  // On the socket file also plaintext HTTP/2, beside TLS.
  bool plaintext = false;

  // What the node proves, and whose client certificates it believes.
  std::shared_ptr<const Credentials> credentials;
  Duration handshake_timeout = std::chrono::seconds(10);
};

// Threading: [any]; Start and Stop one at a time, from no callback of the server.
class SWARM_EXPORT RpcServer {
 public:
  explicit RpcServer(RpcServerOptions options);
  // As Stop without grace.
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // The bound address: "ip:port" or the path. Errors name the address and what is in the way.
  Result<std::string> Start();
  // For connections made from now on; those there are live on. An error leaves the old ones.
  Status SetCredentials(const Credentials& credentials);
  // A removed node's, wherever they come from.
  void CloseConnectionsOf(std::string_view node_id);
  // [blocking] Refuses new connections and calls; those under way are cancelled after `grace`.
  // When it returns nothing of the server is left. Idempotent.
  void Stop(Duration grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace swarm::rpc
