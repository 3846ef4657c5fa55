// `swarmd` without a subcommand: one node until it is told to stop.
#pragma once

#include "config/config.h"

namespace swarm::daemon {

// Exit code: 0 after a signal, 1 when the node could not start or go on.
int RunNode(config::NodeConfig config);

}  // namespace swarm::daemon
