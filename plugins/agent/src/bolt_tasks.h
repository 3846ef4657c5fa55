// The task database of SwarmKit's agent, <state>/worker/tasks.db, as far as taking it over asks: a
// bbolt file of format 2, read and never written.
#pragma once

#include <string_view>

#include "swarm/status.h"
#include "task_log.h"

namespace swarm::agent {

// The tasks in the bucket v1/tasks. DataLoss when the file is damaged, InvalidArgument when it is
// none of that format. `file`: the whole content.
Result<StoredTasks> ReadBoltTasks(std::string_view file);

}  // namespace swarm::agent
