// Being sure to lead, for those who answer from this manager's own state: a leader that was cut
// off, or stood still, does not know yet that another one has taken over.
#pragma once

#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/status.h"

namespace swarm {

// Optional second interface of a Consensus (dynamic_cast). One without it is never mistaken: it has
// no other members.
class SWARM_EXPORT LeadershipCheck {
 public:
  virtual ~LeadershipCheck();
  // [any] `done`, on a loop of consensus' own where little may be done: OK when nobody else led at
  // the time of this call, as a majority says. What the store holds by then is at least as new as
  // anything that anybody was told before the call. Unavailable, with SwarmKit's text for lost
  // leadership, when this manager does not lead, or stopped to while it asked.
  virtual void ConfirmLeadership(Function<void(Status)> done) noexcept = 0;
};

}  // namespace swarm
