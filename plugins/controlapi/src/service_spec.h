// What a service's spec must satisfy on its own, without looking at other objects. The first
// failure in SwarmKit's order wins.
#pragma once

#include "swarm/status.h"
#include "swarmkit/v1/specs.pb.h"

namespace swarm::controlapi {

namespace pb = ::docker::swarmkit::v1;

Status CheckServiceSpec(const pb::ServiceSpec& spec);

// Parts of it, in files of their own.
Status CheckTaskSpec(const pb::TaskSpec& spec);
Status CheckContainerSpec(const pb::ContainerSpec& spec);
Status CheckReferences(const pb::ContainerSpec& spec);

}  // namespace swarm::controlapi
