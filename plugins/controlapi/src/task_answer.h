// Tasks as clients get them.
#pragma once

#include <google/protobuf/arena.h>

#include <memory>
#include <vector>

#include "swarm/rpc.h"
#include "swarm/task.h"

namespace swarm::controlapi {

// A ListTasksResponse. What tasks share is not copied: the response points at it.
Payload AnswerWithTasks(std::vector<TaskPtr> tasks);

}  // namespace swarm::controlapi
