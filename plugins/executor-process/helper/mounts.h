// The process's own view of the file system.
#pragma once

#include <sys/types.h>

#include <string>

#include "plan.h"

namespace swarm::executor_process {

// In the new process: a mount namespace with the plan's mounts and files, on top of the machine's.
// New volume folders belong to the user. What went wrong, or nothing.
std::string MakeMounts(const Plan& plan, const std::string& task_folder, uid_t user, gid_t group);

}  // namespace swarm::executor_process
