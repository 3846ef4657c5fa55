// --wait: stays until a service is as it was asked for.
#pragma once

#include <string>
#include <vector>

#include "command.h"
#include "convergence.h"
#include "swarm/status.h"

namespace swarm::ctl {

std::vector<FlagSpec> WaitFlags();
// Whether --wait was given.
bool ShallWait(const Invocation& run);

// Shows the progress on standard error. An error when the service cannot get there, when the
// command's time is over, or when the user interrupts. `fresh`: it has just been created.
Status AwaitService(Invocation& run, const pb::Service& service, Aim aim, bool fresh);
// Until no task of the removed service runs any more.
Status AwaitRemoval(Invocation& run, const pb::Service& service);

}  // namespace swarm::ctl
