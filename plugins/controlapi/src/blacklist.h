// Nodes that were removed from the cluster and whose certificates are still valid.
#pragma once

#include "swarm/runtime.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::controlapi {

// Forgets certificates that expired more than a week before `now`. Those without an expiry stay.
void PurgeBlacklist(::docker::swarmkit::v1::Cluster* cluster, WallTime now);

}  // namespace swarm::controlapi
