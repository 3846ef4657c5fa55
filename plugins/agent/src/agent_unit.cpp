#include "agent_unit.h"

#include <utility>

#include "core.h"

namespace swarm::agent {

Result<std::unique_ptr<Instance>> AgentUnit::Create(InstanceContext& context) {
  auto* parameters = dynamic_cast<const AgentParameters*>(context.parameters());
  if (!parameters) return Status(Code::kInvalidArgument, "the agent was given no parameters");
  if (!parameters->managers) return Status(Code::kInvalidArgument, "the agent knows no managers");
  if (parameters->executors.empty()) {
    return Status(Code::kInvalidArgument, "the agent has no executor");
  }
  return std::unique_ptr<Instance>(std::make_unique<AgentUnit>(context, *parameters));
}

AgentUnit::AgentUnit(InstanceContext& context, const AgentParameters& parameters)
    : context_(context),
      parameters_(parameters),
      loop_(context.runtime().NewLoop("agent", LoopKind::kShared)) {
  core_ = std::make_shared<Core>(Core::Parts{*loop_, component::Poster(loop_), context_.runtime(),
                                             context_.logger().With("node.id", parameters.node_id),
                                             Options::From(context_.settings()), parameters_});
}

AgentUnit::~AgentUnit() { loop_->Stop(); }

void AgentUnit::Start(Function<void(Status)> done) noexcept {
  loop_->Post([core = core_, done = std::move(done)]() mutable { core->Start(std::move(done)); });
}

void AgentUnit::Stop(Function<void()> done) noexcept {
  loop_->Post([core = core_, done = std::move(done)]() mutable { core->Stop(std::move(done)); });
}

void AgentUnit::Leave(Function<void(Status)> done) noexcept {
  loop_->Post([core = core_, done = std::move(done)]() mutable { core->Leave(std::move(done)); });
}

void AgentUnit::SetTlsInfo(pb::NodeTLSInfo info) noexcept {
  loop_->Post(
      [core = core_, info = std::move(info)]() mutable { core->SetTlsInfo(std::move(info)); });
}

}  // namespace swarm::agent
