// The orchestrator's descriptor.
#include "swarm/plugin.h"
#include "component/component.h"
#include "orchestrator.h"

namespace {

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* store, context.Require<swarm::Store>(swarm::kStoreRole));
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::component::Component>(
      context.runtime(), *store, context.logger(),
      swarm::component::ComponentParameters{"orchestrator",
                                            {swarm::Table::kCluster, swarm::Table::kNode,
                                             swarm::Table::kService, swarm::Table::kTask}},
      [](swarm::component::Env& env) {
        return std::make_unique<swarm::orchestrator::Orchestrator>(env);
      }));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"component/1", swarm::Scope::kLeader, "store/1", "allocator,scheduler", &Create},
};

}  // namespace

SWARM_PLUGIN(orchestrator) = {SWARM_PLUGIN_HEADER,
                              "orchestrator",
                              "0.1.0",
                              "Keeps replicated and global services at the tasks they ask for",
                              swarm::Maturity::kAlpha,
                              nullptr,
                              0,
                              kUnits,
                              std::size(kUnits)};
