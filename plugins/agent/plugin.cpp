#include "swarm/plugin.h"

#include "agent_unit.h"
#include "options.h"

namespace {

constexpr swarm::UnitDescriptor kUnits[] = {
    {"agent/1", swarm::Scope::kInstance, "", "", swarm::agent::AgentUnit::Create},
};

}  // namespace

SWARM_PLUGIN(agent) = {SWARM_PLUGIN_HEADER,
                       "agent",
                       "1.0.0",
                       "Runs the tasks that a manager assigns to this node",
                       swarm::Maturity::kStable,
                       swarm::agent::kSettings,
                       swarm::agent::kSettingCount,
                       kUnits,
                       1};
