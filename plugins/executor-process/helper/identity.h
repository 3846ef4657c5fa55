// Who the process is and what it may do.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "plan.h"

namespace swarm::executor_process {

struct Identity {
  bool change = false;  // otherwise everything stays the executor's
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
  std::string home;  // empty: not known
};

// "name", "uid", each with ":group" or ":gid", and further groups. What went wrong, or nothing.
std::string FindIdentity(const std::string& user, const std::vector<std::string>& groups,
                         Identity* out);

// In the new process, in this order. What went wrong, or nothing.
std::string SetLimits(const std::vector<PlanLimit>& limits);
std::string BecomeIdentity(const Plan& plan, const Identity& identity);

}  // namespace swarm::executor_process
