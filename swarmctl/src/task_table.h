// Tasks in tables.
#pragma once

#include <string>
#include <vector>

#include "client.h"
#include "command.h"
#include "swarm/runtime.h"

namespace swarm::ctl {

// The table inside summaries, sorted by slot, newest first. Without `all`, only tasks that are
// meant to run.
std::string TaskTable(Client& client, std::vector<pb::Task> tasks, bool all, WallTime now);
// The table of `task ls` and `ps`: the tasks of `request` that the command's flags leave, which are
// TaskListFlags().
Status ShowTasks(Invocation& run, pb::ListTasksRequest request);
std::vector<FlagSpec> TaskListFlags();
// "RUNNING 5 minutes ago".
std::string LastState(const pb::Task& task, WallTime now);

}  // namespace swarm::ctl
