// The command-line form of generic resources: "gpu=UUID1,gpu=UUID2,fpga=3".
#pragma once

#include <string_view>
#include <vector>

#include "swarm/status.h"
#include "swarmkit/v1/types.pb.h"

namespace swarm::generic {

// One CSV record of kind=value. A kind with one integer value is a count (discrete); otherwise its
// values are a set of names. Empty text: nothing. InvalidArgument with SwarmKit's texts.
Result<std::vector<docker::swarmkit::v1::GenericResource>> Parse(std::string_view text);

}  // namespace swarm::generic
