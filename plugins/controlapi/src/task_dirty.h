// Whether a task still is what its service asks for.
#pragma once

#include "swarm/store.h"

namespace swarm::controlapi {

// `node`: the one the task is on; null when it is unknown.
bool IsUpToDate(const pb::Service& service, const Task& task, const pb::Node* node);

}  // namespace swarm::controlapi
