// The serving interface of a router, as transports see it: a listener, the loopback and the virtual
// network hand calls to one. The method's name is in the context.
#pragma once

#include "swarm/export.h"
#include "swarm/rpc.h"

namespace swarm {

// Threading: [any]; calls come from many threads at once. Must not block.
class SWARM_EXPORT CallTarget {
 public:
  virtual ~CallTarget();
  virtual void Unary(CallContextPtr context, Payload request, UnaryReply reply) noexcept = 0;
  virtual void Stream(ServerStreamPtr stream) noexcept = 0;
};

}  // namespace swarm
