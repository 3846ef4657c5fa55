// The life of one node: identity, scopes, listeners, agent; from a checked configuration to ready,
// and back to nothing left.
//
//   started -> ready -> stopped -> closed
//
// ready: the agent has a session and, on a manager, the control API is served. closed: reported
// once, with the error that ended the node or OK after Stop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "host/host.h"
#include "node/listeners.h"
#include "rpc/router.h"
#include "swarm/ca.h"
#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/network.h"
#include "swarm/runtime.h"

namespace swarm::node {

enum class StopMode : unsigned char {
  kAsConfigured,  // node.on_stop
  kDetach,        // tasks keep running and are found again by the next start
  kLeave,         // tasks are removed first
};

struct NodeSetup {
  config::NodeConfig config;
  Runtime* runtime = nullptr;
  Network* network = nullptr;
  std::unique_ptr<Listeners> listeners;
  Logger logger;
  std::vector<pb::GenericResource> generic_resources;  // what config.node names, parsed
  // Called on the node's loop; must not destroy the node.
  Function<void()> on_ready;
  // Before on_closed, when a part that ran could not go on (swarm/fatal.h).
  Function<void()> on_fatal = nullptr;
  // What connections made from now on are to show; also on the node's loop.
  Function<void(std::shared_ptr<const Credentials>)> on_credentials = nullptr;
  Function<void(Status)> on_closed;
};

// Threading: [any] but construction and destruction. Destroyed after on_closed, or before Start.
class SWARM_EXPORT Node {
 public:
  // FailedPrecondition, a line each, when the configured plugins do not fit together.
  static Result<std::unique_ptr<Node>> Make(NodeSetup setup);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // FailedPrecondition "node: already started" the second time.
  Status Start();
  // Begins to stop; on_closed tells when it has. FailedPrecondition "node: not started".
  Status Stop(StopMode mode = StopMode::kAsConfigured);

  // The rpc table, for a simulation that calls the node from outside.
  rpc::RouterImpl& router();

 private:
  class Life;
  explicit Node(std::shared_ptr<Life> life);
  std::shared_ptr<Life> life_;
};

}  // namespace swarm::node
