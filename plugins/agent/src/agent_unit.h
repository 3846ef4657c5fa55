// The plugin's one unit: a node's agent.
#pragma once

#include <memory>

#include "swarm/agent.h"
#include "swarm/plugin.h"

namespace swarm::agent {

class Core;

class AgentUnit final : public Instance, public Agent {
 public:
  // InvalidArgument without parameters that suffice.
  static Result<std::unique_ptr<Instance>> Create(InstanceContext& context);

  AgentUnit(InstanceContext& context, const AgentParameters& parameters);
  ~AgentUnit() override;

  void* role() noexcept override { return static_cast<Agent*>(this); }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;
  void Leave(Function<void(Status)> done) noexcept override;
  void SetTlsInfo(pb::NodeTLSInfo info) noexcept override;

 private:
  InstanceContext& context_;
  const AgentParameters parameters_;
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Core> core_;
};

}  // namespace swarm::agent
