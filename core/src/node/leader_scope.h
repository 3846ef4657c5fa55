// Keeps the leader scope in step with leadership: what was started for one epoch has stopped
// before the next epoch's is started.
#pragma once

#include <memory>
#include <optional>

#include "host/host.h"
#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/ids.h"

namespace swarm::node {

// Threading: everything on the host's loop, also the callbacks.
class SWARM_EXPORT LeaderScope {
 public:
  // `failed`: the scope of an epoch that still lasts could not start; why.
  LeaderScope(host::ScopeRunner& runner, Logger logger, NodeInfo node,
              Function<void(Status)> failed);
  ~LeaderScope();

  void OnLeadership(std::optional<LeaderEpoch> epoch);
  // Stops whatever runs; later announcements are ignored.
  void Stop(Function<void()> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace swarm::node
