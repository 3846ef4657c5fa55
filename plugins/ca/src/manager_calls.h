// Calls to a manager's certificate authority, answered on a loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "swarm/agent.h"
#include "swarm/network.h"
#include "swarm/rpc_typed.h"
#include "swarm/runtime.h"

namespace swarm::ca {

inline constexpr Duration kCallTimeout = std::chrono::seconds(5);
inline constexpr int kAttempts = 5;

// A way to one manager.
struct Route {
  std::shared_ptr<Channel> channel;
  // Empty node id: a join address. Nothing: this node's own manager, in memory.
  std::optional<Peer> peer;
  std::shared_ptr<ManagerSource> managers;  // who wants to know how it went; may be null

  void Report(bool good) const {
    if (managers && peer) managers->ReportRemote(*peer, good);
  }
};

// `done` on the loop, while that is there. Keeps the channel until then.
template <class Response, class Request>
void CallOn(const std::shared_ptr<Loop>& loop, const std::shared_ptr<Channel>& channel,
            std::string_view method, Request request,
            Function<void(Result<std::shared_ptr<const Response>>)> done) {
  CallOptions options;
  options.timeout = kCallTimeout;
  CallUnary<Response>(
      *channel, "/docker.swarmkit.v1." + std::string(method), std::move(options),
      std::move(request),
      [weak = std::weak_ptr(loop), channel,
       done = std::move(done)](Result<std::shared_ptr<const Response>> reply) mutable {
        const auto held = weak.lock();
        if (!held) return;
        held->Post([channel = std::move(channel), done = std::move(done),
                    reply = std::move(reply)]() mutable { done(std::move(reply)); });
      });
}

}  // namespace swarm::ca
