// The log broker's descriptor.
#include "swarm/plugin.h"

#include <iterator>

#include "log_broker.h"
#include "options.h"

namespace {

constexpr swarm::UnitDescriptor kUnits[] = {
    {"component/1", swarm::Scope::kLeader, "store/1", "", swarm::logbroker::LogBroker::Create},
};

}  // namespace

SWARM_PLUGIN(logbroker) = {SWARM_PLUGIN_HEADER,
                           "logbroker",
                           "1.0.0",
                           "Brings the output of tasks from agents to clients",
                           swarm::Maturity::kStable,
                           swarm::logbroker::kSettings,
                           swarm::logbroker::kSettingCount,
                           kUnits,
                           std::size(kUnits)};
