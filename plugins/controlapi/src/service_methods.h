// The two methods of services that have a file of their own.
#pragma once

#include <memory>

#include "backend.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {

void UpdateService(Call call, std::shared_ptr<const pb::UpdateServiceRequest> request);
Result<Payload> ListServiceStatuses(const Backend& backend,
                                    const pb::ListServiceStatusesRequest& request);

}  // namespace swarm::controlapi
