// Errors of calls, in words that say what to do.
#pragma once

#include <string>

#include "swarm/status.h"

namespace swarm::ctl {

// What follows "Error: ". `socket`: the path that was dialled.
std::string ErrorText(const Status& status, const std::string& socket);

}  // namespace swarm::ctl
