// The method of nodes that has a file of its own.
#pragma once

#include <memory>

#include "backend.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {

void RemoveNode(Call call, std::shared_ptr<const pb::RemoveNodeRequest> request);

}  // namespace swarm::controlapi
