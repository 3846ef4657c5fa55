// Which names objects may have.
#pragma once

#include <string_view>

#include "swarm/status.h"

namespace swarm::controlapi {

// Of services and networks: a DNS label that may also contain "_".
Status CheckName(std::string_view name);
// Of secrets and configs.
Status CheckSecretName(std::string_view name);

}  // namespace swarm::controlapi
