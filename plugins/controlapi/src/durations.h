// Durations as they come in messages.
#pragma once

#include <google/protobuf/duration.pb.h>

#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::controlapi {

// Unknown when it is malformed or does not fit into 64 bits of nanoseconds.
Result<Duration> ToDuration(const google::protobuf::Duration& duration);

}  // namespace swarm::controlapi
