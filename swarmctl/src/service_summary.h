// What `service inspect` shows of a service.
#pragma once

#include <cstdint>
#include <string>

#include "swarm/runtime.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::ctl {

std::string ServiceSummary(const ::docker::swarmkit::v1::Service& service, std::uint64_t running,
                           WallTime now);

}  // namespace swarm::ctl
