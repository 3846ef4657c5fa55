// What the first leader of a new cluster writes: the cluster itself and the node it runs on.
#pragma once

#include <string>
#include <vector>

#include "swarm/runtime.h"
#include "swarm/settings.h"
#include "swarm/store.h"

namespace swarm::ca {

inline constexpr std::string_view kDefaultClusterName = "default";
inline constexpr std::string_view kManagerKeySubsystem = "swarm-manager";

// The cluster object named "default", or null when there is none yet.
std::shared_ptr<const pb::Cluster> FindCluster(const Reader& reader);

// A transaction that makes the objects which are absent and leaves the others as they are.
// `external`: who signs certificates besides, or instead of, the cluster.
TransactionFn FoundingTransaction(const NodeInfo& node, Random& random,
                                  const std::vector<pb::ExternalCA>& external = {});

}  // namespace swarm::ca
