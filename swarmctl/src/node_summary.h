// What `node inspect` shows of a node.
#pragma once

#include <string>

#include "swarmkit/v1/objects.pb.h"

namespace swarm::ctl {

std::string NodeSummary(const ::docker::swarmkit::v1::Node& node);

}  // namespace swarm::ctl
