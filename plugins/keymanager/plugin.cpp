// The key manager's descriptor.
#include "swarm/plugin.h"

#include "component/component.h"
#include "key_manager.h"

namespace {

using swarm::SettingDescriptor;
using swarm::SettingType;

constexpr SettingDescriptor kSettings[] = {
    {.key = "rotation",
     .type = SettingType::kDuration,
     .default_value = "12h",
     .help = "How often the oldest of the keys between nodes are replaced. Nodes that miss two "
             "changes in a row lose touch with the others until they are told the keys again.",
     .minimum = 1'000'000'000,
     .maximum = 1'000LL * 3'600 * 1'000'000'000},
};

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* store, context.Require<swarm::Store>(swarm::kStoreRole));
  const swarm::keymanager::KeyManagerOptions options{context.settings().GetDuration("rotation")};
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::component::Component>(
      context.runtime(), *store, context.logger(),
      swarm::component::ComponentParameters{"keymanager", {swarm::Table::kCluster}},
      [options](swarm::component::Env& env) {
        return std::make_unique<swarm::keymanager::KeyManager>(env, options);
      }));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"component/1", swarm::Scope::kLeader, "store/1", "", &Create},
};

}  // namespace

SWARM_PLUGIN(keymanager) = {
    SWARM_PLUGIN_HEADER,
    "keymanager",
    "1.0.0",
    "Makes and renews the keys that nodes encrypt their network traffic with",
    swarm::Maturity::kStable,
    kSettings,
    std::size(kSettings),
    kUnits,
    std::size(kUnits)};
