// A proxy that passes nothing on: the leader answers, every other manager says why it cannot.
#pragma once

#include <memory>

#include "swarm/consensus.h"
#include "swarm/plugin.h"
#include "swarm/proxy.h"

namespace swarm::proxy_direct {

// Threading: [any]. `consensus` outlives it.
class DirectProxy final : public Instance, public Proxy {
 public:
  explicit DirectProxy(const Consensus& consensus) : consensus_(consensus) {}

  void* role() noexcept override { return static_cast<Proxy*>(this); }
  void Start(Function<void(Status)> done) noexcept override { done(Status::Ok()); }
  void Stop(Function<void()> done) noexcept override { done(); }

  void Unary(CallContextPtr context, Payload request, UnaryReply reply,
             std::shared_ptr<UnaryHandler> here) noexcept override;
  void Stream(ServerStreamPtr stream, std::shared_ptr<StreamHandler> here) noexcept override;

 private:
  const Consensus& consensus_;
};

Result<std::unique_ptr<Instance>> Create(InstanceContext& context);

}  // namespace swarm::proxy_direct
