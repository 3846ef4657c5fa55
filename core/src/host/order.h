// The start order of the units of one scope.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "host/plan.h"

namespace swarm::host {

struct OrderResult {
  std::vector<std::size_t> order;  // positions in `units`
  std::string cycle;               // "a requires x/1 of b, b starts after a"; empty: none
};

// Providers before their users, plugins named in `after` first; otherwise as configured.
OrderResult OrderUnits(const std::vector<PlannedUnit>& units);

}  // namespace swarm::host
