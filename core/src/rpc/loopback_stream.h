// Both ends of a stream inside the process, over one shared state.
#pragma once

#include <memory>

#include "rpc/call_state.h"
#include "swarm/function.h"
#include "swarm/rpc.h"

namespace swarm::rpc {

// Runs a callback later, never inside the call.
class Deferrer {
 public:
  virtual ~Deferrer() = default;
  virtual void Defer(Function<void()> fn) = 0;
};

class LoopbackPipe;

struct LoopbackEnds {
  std::shared_ptr<ClientStream> client;
  ServerStreamPtr server;
  // Ends the stream from outside: the channel or the deadline.
  std::weak_ptr<LoopbackPipe> pipe;
};

LoopbackEnds MakeLoopbackStream(std::shared_ptr<Deferrer> deferrer,
                                std::shared_ptr<CallState> call);
void Abort(LoopbackPipe& pipe, Status why);

}  // namespace swarm::rpc
