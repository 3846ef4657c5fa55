// Asking a manager whether it takes part.
#pragma once

#include <memory>

#include "swarm/function.h"
#include "swarm/rpc.h"

namespace swarm::raft {

// Asks whether the manager behind `channel` is up, for at most `timeout`; Unknown "health check
// returned status NOT_SERVING" when it says that it is not.
void CheckHealth(std::shared_ptr<Channel> channel, Duration timeout, Function<void(Status)> done);

}  // namespace swarm::raft
