// Tasks in tables.
#pragma once

#include <string>
#include <vector>

#include "client.h"
#include "swarm/runtime.h"

namespace swarm::ctl {

// The table inside summaries, sorted by slot, newest first. Without `all`, only tasks that are
// meant to run.
std::string TaskTable(Client& client, std::vector<pb::Task> tasks, bool all, WallTime now);
// "RUNNING 5 minutes ago".
std::string LastState(const pb::Task& task, WallTime now);

}  // namespace swarm::ctl
