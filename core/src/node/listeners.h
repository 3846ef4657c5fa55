// The two servers of a manager: the control socket and the remote port.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "rpc/call_target.h"
#include "swarm/export.h"
#include "swarm/log.h"
#include "swarm/network.h"
#include "swarm/runtime.h"

namespace swarm::node {

// Threading: [blocking]; one user at a time.
class SWARM_EXPORT Listeners {
 public:
  virtual ~Listeners();
  // Both listen, or none does and the error names the address.
  virtual Status Start(const config::NodeConfig::Listen& listen,
                       std::shared_ptr<const Credentials> credentials, CallTarget& target) = 0;
  // "host:port" the remote port was bound to; empty when there is none.
  virtual std::string remote_address() const = 0;
  virtual void SetCredentials(std::shared_ptr<const Credentials> credentials) = 0;
  // A removed node's.
  virtual void CloseConnectionsOf(const std::string& node_id) = 0;
  // Refuses new connections, gives calls under way a moment, then ends them. Idempotent.
  virtual void Stop() = 0;
};

// Real sockets.
SWARM_EXPORT std::unique_ptr<Listeners> MakeListeners(Runtime& runtime, Logger logger);
// For nodes that nobody calls from outside.
SWARM_EXPORT std::unique_ptr<Listeners> NoListeners();

}  // namespace swarm::node
