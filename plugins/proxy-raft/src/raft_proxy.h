// A proxy that passes calls on to the leader, and waits for one while there is none.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "swarm/consensus.h"
#include "swarm/network.h"
#include "swarm/plugin.h"
#include "swarm/proxy.h"

namespace swarm::proxy_raft {

// Borrowed; outlives the proxy.
struct ProxyParts {
  Runtime* runtime = nullptr;
  const Consensus* consensus = nullptr;
  Network* network = nullptr;  // null: nothing can be passed on
  // [any] What to show the leader.
  Function<std::shared_ptr<const Credentials>() const> credentials;
};

// Threading: [any].
class RaftProxy final : public Instance, public Proxy {
 public:
  explicit RaftProxy(ProxyParts parts);
  ~RaftProxy() override;

  void* role() noexcept override { return static_cast<Proxy*>(this); }
  void Start(Function<void(Status)> done) noexcept override { done(Status::Ok()); }
  void Stop(Function<void()> done) noexcept override;

  void Unary(CallContextPtr context, Payload request, UnaryReply reply,
             std::shared_ptr<UnaryHandler> here) noexcept override;
  void Stream(ServerStreamPtr stream, std::shared_ptr<StreamHandler> here) noexcept override;

 private:
  class Core;
  const std::shared_ptr<Core> core_;
};

Result<std::unique_ptr<Instance>> Create(InstanceContext& context);

}  // namespace swarm::proxy_raft
