// The production binding of the runtime: threads, the machine's clock, the machine's files.
#pragma once

#include <memory>

#include "swarm/export.h"
#include "swarm/runtime.h"

namespace swarm {

struct RuntimeOptions {
  // Threads that run the shared loops. 0: half as many as there are processors.
  unsigned threads = 0;
};

// Destroy it after every loop and timer it made; not from one of its own threads.
SWARM_EXPORT std::unique_ptr<Runtime> MakeRuntime(RuntimeOptions options = {});

}  // namespace swarm
