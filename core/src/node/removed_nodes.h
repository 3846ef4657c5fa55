// Shuts removed nodes out: the rpc table refuses them, also when another manager passes on their
// calls, and the connections they have are closed.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "node/listeners.h"
#include "rpc/router.h"
#include "swarm/export.h"
#include "swarm/log.h"
#include "swarm/store.h"

namespace swarm::node {

// Follows the cluster object on every manager. Threading: made, used and destroyed on `loop`.
class SWARM_EXPORT RemovedNodes {
 public:
  RemovedNodes(Store& store, Loop& loop, rpc::RouterImpl& router, Listeners& listeners,
               Logger logger);
  ~RemovedNodes();

 private:
  void Follow(const pb::Cluster& cluster);

  rpc::RouterImpl& router_;
  Listeners& listeners_;
  const Logger logger_;
  std::set<std::string, std::less<>> removed_;
  std::unique_ptr<Subscription> subscription_;
};

}  // namespace swarm::node
