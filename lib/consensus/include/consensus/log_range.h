// What is answered to those who ask for a part of the log.
#pragma once

#include <string_view>

#include "swarm/ids.h"
#include "swarm/status.h"

namespace swarm::consensus {

// Whether the changes in (from, to] can be told of a log that is committed up to `commit` and
// forgotten up to `compacted`; else OutOfRange with SwarmKit's texts.
Status CheckRange(Index from, Index to, Index commit, Index compacted);
// Whether a request, an entry's data, holds anything but its id.
bool HasActions(std::string_view request);

}  // namespace swarm::consensus
