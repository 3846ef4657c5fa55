// Who serves a method that only the leader answers: asked by the rpc table, for both listeners.
#pragma once

#include <string_view>

#include "swarm/export.h"
#include "swarm/rpc.h"

namespace swarm {

// Threading: [any]; must not block.
class SWARM_EXPORT Proxy {
 public:
  virtual ~Proxy();
  // Calls `here` when this manager leads, else passes the call on, or answers why it cannot.
  // A call that was already passed on once is never passed on again.
  virtual void Unary(CallContextPtr context, Payload request, UnaryReply reply,
                     std::shared_ptr<UnaryHandler> here) noexcept = 0;
  virtual void Stream(ServerStreamPtr stream, std::shared_ptr<StreamHandler> here) noexcept = 0;
};

inline constexpr std::string_view kProxyRole = "proxy/1";

}  // namespace swarm
