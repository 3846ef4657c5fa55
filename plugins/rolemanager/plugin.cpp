// The role manager's descriptor.
#include "swarm/plugin.h"

#include "component/component.h"
#include "role_manager.h"

namespace {

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* store, context.Require<swarm::Store>(swarm::kStoreRole));
  SWARM_ASSIGN_OR_RETURN(auto* consensus, context.Require<swarm::Consensus>(swarm::kConsensusRole));
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::component::Component>(
      context.runtime(), *store, context.logger(),
      swarm::component::ComponentParameters{"rolemanager", {swarm::Table::kNode}},
      [consensus](swarm::component::Env& env) {
        return std::make_unique<swarm::rolemanager::RoleManager>(env, *consensus);
      }));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    // The certificate authority writes the first manager's object.
    {"component/1", swarm::Scope::kLeader, "store/1,consensus/1", "ca", &Create},
};

}  // namespace

SWARM_PLUGIN(rolemanager) = {
    SWARM_PLUGIN_HEADER,
    "rolemanager",
    "1.0.0",
    "Promotes and demotes nodes: the group of managers first, then the certificate",
    swarm::Maturity::kStable,
    nullptr,
    0,
    kUnits,
    std::size(kUnits)};
