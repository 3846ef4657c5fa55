// What tests of several nodes ask of a manager.
#pragma once

#include <string>

#include "support/cluster.h"

namespace swarm::test {

// "worker" or "manager": the token that makes one; empty when the manager does not tell.
std::string JoinToken(Manager& manager, const std::string& role);
// What `node inspect` says behind a word such as "State"; empty when it does not.
std::string NodeField(Manager& manager, const std::string& node, const std::string& word);
bool NodeIs(Manager& manager, const std::string& node, const std::string& state,
            std::chrono::milliseconds limit = 60s);
// Tasks of the node that are running.
int RunningOn(Manager& manager, const std::string& node);

// Removes every service and waits until its tasks have ended everywhere: those of processes outlive
// their node. While all nodes still run.
void RemoveServices(Manager& manager);

}  // namespace swarm::test
