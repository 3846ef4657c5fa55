// What a service does where its spec says nothing.
#pragma once

#include "swarmkit/v1/specs.pb.h"

namespace swarm::controlapi {

// Fills in what is absent, for showing.
void InsertServiceDefaults(::docker::swarmkit::v1::ServiceSpec* spec);

}  // namespace swarm::controlapi
