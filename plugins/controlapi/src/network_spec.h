// Whether a network's spec can be accepted on its own.
#pragma once

#include "swarm/status.h"
#include "swarmkit/v1/specs.pb.h"

namespace swarm::controlapi {

namespace pb = ::docker::swarmkit::v1;

// Networks with this label come with every engine; only the cluster itself makes them.
inline constexpr const char* kPredefinedLabel = "com.docker.swarm.predefined";

Status CheckNetworkSpec(const pb::NetworkSpec& spec);

}  // namespace swarm::controlapi
