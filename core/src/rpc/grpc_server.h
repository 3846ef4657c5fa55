// gRPC's server side: one generic service that takes every call of every connection handed to it
// and passes it to a target. It opens no port of its own and does no TLS.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rpc/call_target.h"
#include "swarm/export.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::rpc {

// Who is behind a connection, as its transport has found out.
struct Peer {
  std::shared_ptr<const std::optional<Identity>> identity;  // never null
  std::string address;                                      // "ip:port" or "@"
};

struct GrpcServerOptions {
  CallTarget* target = nullptr;  // outlives the server
  const Clock* clock = nullptr;  // likewise
  Listener listener = Listener::kRemote;
  // The peer behind a connection's abstract name; null when the connection is gone: its calls are
  // refused, never taken for anonymous ones.
  std::function<std::shared_ptr<const Peer>(const std::string& name)> find_peer;
  std::size_t max_receive_bytes = 4 << 20;
};

// Threading: [any].
class SWARM_EXPORT GrpcServer {
 public:
  virtual ~GrpcServer();
  static Result<std::unique_ptr<GrpcServer>> Start(GrpcServerOptions options);

  // Serves a connected socket whose other end is bound to the abstract name its peer is known by.
  // Takes the descriptor.
  virtual void HandOver(int fd) = 0;
  // [blocking] New calls are refused, those under way have `grace` to end and are cancelled then.
  // Once, and after the last HandOver.
  virtual void Stop(Duration grace) = 0;
};

}  // namespace swarm::rpc
