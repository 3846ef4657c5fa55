// Control groups of a task, from the helper's side.
#pragma once

#include <string>
#include <vector>

#include "plan.h"

namespace swarm::executor_process {

// Makes them and sets their limits. What went wrong, or nothing; what could not be had but is not
// required is added to `notes`.
std::string MakeGroups(const std::vector<PlanGroup>& groups, std::vector<std::string>* notes);
// Moves the calling process there.
std::string EnterGroups(const std::vector<PlanGroup>& groups);
// Sends KILL to everything in them.
void KillGroups(const std::vector<PlanGroup>& groups);
// Once they are empty; waits a little for the kernel to notice.
void RemoveGroups(const std::vector<PlanGroup>& groups);
// How many processes were killed for want of memory, by the file of the plan.
long CountOomKills(const std::string& file);

}  // namespace swarm::executor_process
