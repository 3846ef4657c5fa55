// The method of clusters that has a file of its own.
#pragma once

#include <memory>

#include "backend.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {

void UpdateCluster(Call call, std::shared_ptr<const pb::UpdateClusterRequest> request);

}  // namespace swarm::controlapi
