// What a service's spec must satisfy together with other objects.
#pragma once

#include <string_view>

#include "swarm/status.h"
#include "swarm/store.h"

namespace swarm::controlapi {

bool IsIngress(const pb::Network& network);

// A service must not name the ingress network among its own.
Status CheckNotOnIngress(const pb::ServiceSpec& spec, const Reader& view);
// Best effort: the allocator decides. `own_id`: the service itself, when it exists already.
Status CheckPortConflicts(const pb::ServiceSpec& spec, std::string_view own_id, const Reader& view);
// A port published with ingress mode needs the ingress network.
Status CheckIngressPresent(const pb::ServiceSpec& spec, const Reader& view);
// Every secret and config that a container refers to must exist, under the name it gives.
Status CheckReferencesExist(const pb::ServiceSpec& spec, const Reader& reader);

}  // namespace swarm::controlapi
