// What the scheduler has decided about a task, and how it is written.
#pragma once

#include <string>

#include "node_state.h"
#include "swarm/store.h"

namespace swarm::scheduler {

struct Decision {
  enum class Kind : unsigned char { kAssign, kExplain, kShutDown };
  Kind kind = Kind::kAssign;
  TaskPtr task;          // as it was decided on
  TaskPtr counted{};     // kAssign: as it is counted on the node meanwhile
  NodePtr node{};        // kAssign: as it was judged
  std::string text{};    // status message, or for kExplain the error
  bool written = false;  // not when the task or the node is not what was decided on any more
};

// Writes it, if it still holds.
Status Apply(Transaction& tx, Decision& decision, TaskTime now);

}  // namespace swarm::scheduler
