// What of a cluster clients may see.
#pragma once

#include <memory>

#include "swarmkit/v1/objects.pb.h"

namespace swarm::controlapi {

// A copy without keys, and with what applies where nothing was chosen.
std::shared_ptr<::docker::swarmkit::v1::Cluster> Redact(
    const ::docker::swarmkit::v1::Cluster& cluster);

}  // namespace swarm::controlapi
