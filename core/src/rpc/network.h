// The production binding of swarm::Network: gRPC over TLS.
#pragma once

#include <functional>
#include <memory>

#include "rpc/server.h"
#include "swarm/export.h"
#include "swarm/log.h"
#include "swarm/network.h"

namespace swarm::rpc {

struct NetworkOptions {
  std::shared_ptr<tls::IoThread> io;  // null: one of its own
  Logger logger;
  // This node's present credentials, for channels that name a server but no credentials; asked for
  // each connection, on any thread. So such channels follow a rotation. Null: there are none.
  std::function<std::shared_ptr<const Credentials>()> credentials;
};

SWARM_EXPORT std::unique_ptr<Network> MakeNetwork(NetworkOptions options);

}  // namespace swarm::rpc
