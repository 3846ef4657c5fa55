// A node's calls to itself: channels that end at a target in the same process, without
// serialisation. Callers and handlers cannot tell them from channels over a network: callbacks
// never run inside the call that asked for them, deadlines and cancellation work alike.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rpc/call_target.h"
#include "swarm/export.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"

namespace swarm::rpc {

// How a channel's calls look to the target.
struct LoopbackPeer {
  Listener listener = Listener::kLocal;
  std::optional<Identity> identity;
  std::string remote_address = "@";
};

// Ownership: the node; `runtime` and `target` outlive it. Threading: [any]; destroyed on a thread
// that is no callback of one of its channels.
// Lifetime: when it is destroyed outstanding calls end with Cancelled, those made later with
// Unavailable.
class SWARM_EXPORT Loopback {
 public:
  Loopback(Runtime& runtime, CallTarget& target);
  ~Loopback();
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  std::shared_ptr<Channel> NewChannel(LoopbackPeer peer);

  class Core;

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace swarm::rpc
