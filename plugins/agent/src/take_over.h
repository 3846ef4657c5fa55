// The tasks of a node whose directory another make of agent has left.
#pragma once

#include <string>

#include "swarm/files.h"
#include "swarm/log.h"
#include "task_log.h"

namespace swarm::agent {

// Opens the log in `directory`. When there is none yet but a task database of SwarmKit's agent, its
// tasks are written into the new log first; one that cannot be read is left alone, with a line in
// `logger`, since the manager tells everything again. [blocking]
Result<StoredTasks> OpenOrTakeOver(FileSystem& files, const std::string& directory, TaskLog& log,
                                   const Logger& logger);

}  // namespace swarm::agent
