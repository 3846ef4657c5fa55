#include "swarm/plugin.h"

#include "dispatcher.h"
#include "options.h"

namespace {

constexpr swarm::UnitDescriptor kUnits[] = {
    {"dispatcher/1", swarm::Scope::kLeader, "store/1,consensus/1", "logbroker",
     swarm::dispatcher::Dispatcher::Create},
};

}  // namespace

SWARM_PLUGIN(dispatcher) = {SWARM_PLUGIN_HEADER,
                            "dispatcher",
                            "1.0.0",
                            "Tells agents what to run and records what they report",
                            swarm::Maturity::kStable,
                            swarm::dispatcher::kSettings,
                            swarm::dispatcher::kSettingCount,
                            kUnits,
                            1};
