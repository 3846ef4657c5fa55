// Suggestions for mistyped names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "swarm/export.h"

namespace swarm::host {

// How many characters must be changed, added, dropped, or swapped with their neighbour.
SWARM_EXPORT std::size_t EditDistance(std::string_view a, std::string_view b);

// The candidate most like `name`; empty when none is like enough to be meant.
SWARM_EXPORT std::string Nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace swarm::host
