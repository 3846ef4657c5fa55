// What happens in a new process between fork and exec.
#pragma once

#include <string>
#include <vector>

#include "identity.h"
#include "plan.h"
#include "system.h"

namespace swarm::executor_process {

// The same for the command and for the probes of its health.
struct Surroundings {
  const Plan& plan;
  const std::string& folder;  // of the task
  const Identity& identity;
  std::string oom_score_adjustment;  // of what is started
};

// Standard input, output and errors of a new process.
struct Streams {
  int input = -1;  // -1: nothing to read
  int output = -1;
  int errors = -1;
};

// Each returns only by failing: what and why go to `report`, which is closed by success.
// Waits for a byte on `go` and ends without a trace when there is none.
[[noreturn]] void RunCommand(const Surroundings& around, const Streams& streams, int go,
                             int report);
// Runs a probe where the command is: in its namespaces, as its user.
[[noreturn]] void RunProbe(const Surroundings& around, int output,
                           const std::vector<Descriptor>& namespaces);

// Those of a running process that are its own.
std::vector<Descriptor> OpenNamespaces(const Plan& plan, int pid);

}  // namespace swarm::executor_process
