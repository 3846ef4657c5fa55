// Real containers: through a control socket, and straight through the engine's API, which is the
// floor that no orchestrator gets below.
#pragma once

#include <string>

#include "engine_client/client.h"
#include "target.h"
#include "workloads.h"

namespace swarm::bench {

// Seconds from CreateService until all tasks run; afterwards waits until the engine has none of
// their containers any more.
Result<double> ServiceSeconds(Network& network, const TargetSpec& target, engine::Client& engine,
                              const WorkloadOptions& options);

// Seconds for creating and starting as many containers, `clients` at a time.
Result<double> EngineSeconds(engine::Client& engine, const WorkloadOptions& options);

}  // namespace swarm::bench
