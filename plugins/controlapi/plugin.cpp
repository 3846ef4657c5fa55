#include "swarm/plugin.h"

#include "control_api.h"

namespace {

constexpr swarm::UnitDescriptor kUnits[] = {{
    .role = "control/1",
    .scope = swarm::Scope::kManager,
    .requires_ = "store/1,consensus/1,identity/1",
    .after = "",
    .create = swarm::controlapi::ControlApi::Create,
}};

}  // namespace

SWARM_PLUGIN(controlapi) = {SWARM_PLUGIN_HEADER,
                            "controlapi",
                            "1.0.0",
                            "SwarmKit's control API: what swarmctl and other clients call",
                            swarm::Maturity::kStable,
                            nullptr,
                            0,
                            kUnits,
                            1};
