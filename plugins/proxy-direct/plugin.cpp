#include "swarm/plugin.h"

#include <iterator>

#include "direct_proxy.h"

namespace {

constexpr swarm::UnitDescriptor kUnits[] = {
    {"proxy/1", swarm::Scope::kManager, "consensus/1", "", &swarm::proxy_direct::Create},
};

}  // namespace

SWARM_PLUGIN(proxy_direct) = {SWARM_PLUGIN_HEADER,
                              "proxy-direct",
                              "1.0.0",
                              "Answers on the leader, and tells callers elsewhere to go there",
                              swarm::Maturity::kStable,
                              nullptr,
                              0,
                              kUnits,
                              std::size(kUnits)};
