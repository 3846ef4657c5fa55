// What must hold once a cluster has come to rest, told from the store alone and by rules written a
// second time: nothing here is shared with the components but the placement language.
#pragma once

#include <string>
#include <vector>

#include "swarm/store.h"

namespace swarm::test {

// How much the check saw, so that a run in which nothing happened is noticed.
struct Seen {
  std::size_t running = 0;
  std::size_t waiting = 0;  // for a node, with a reason
  std::size_t history = 0;  // ended tasks that are kept
};

// Everything that is wrong, in words; nothing when all is as the services ask.
std::vector<std::string> FindFaults(const Reader& reader, Seen& seen);

// Whether an update waits, for tasks that find no node: a new leader goes on with it.
bool AnyUpdateUnderWay(const Reader& reader);

// Whether tasks were left as they are by an update that changed nothing but their placement, since
// their nodes fitted. Nodes change: whoever looks at such a service later may find otherwise.
bool DependsOnItsNodes(const Reader& reader, const pb::Service& service);

// Whether a node that may be given new tasks could take the task, as it and its tasks are now.
bool CouldTake(const Reader& reader, const pb::Node& node, const Task& task);

}  // namespace swarm::test
