// The allocator's descriptor.
#include "swarm/plugin.h"
#include "allocator.h"
#include "attachments.h"
#include "component/component.h"

namespace {

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* store, context.Require<swarm::Store>(swarm::kStoreRole));
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::component::Component>(
      context.runtime(), *store, context.logger(),
      swarm::component::ComponentParameters{
          "allocator",
          {swarm::Table::kCluster, swarm::Table::kNetwork, swarm::Table::kNode,
           swarm::Table::kService, swarm::Table::kTask}},
      [](swarm::component::Env& env) {
        return std::make_unique<swarm::allocator::Allocator>(env);
      }));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"component/1", swarm::Scope::kLeader, "store/1", "", &Create},
    {"component/1", swarm::Scope::kLeader, "store/1", "", &swarm::allocator::Attachments::Create},
};

}  // namespace

SWARM_PLUGIN(allocator) = {SWARM_PLUGIN_HEADER,
                           "allocator",
                           "1.0.0",
                           "Gives networks, services, tasks and nodes their addresses and ports",
                           swarm::Maturity::kStable,
                           nullptr,
                           0,
                           kUnits,
                           std::size(kUnits)};
