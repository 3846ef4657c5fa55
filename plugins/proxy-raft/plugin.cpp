#include "swarm/plugin.h"

#include <iterator>

#include "raft_proxy.h"

namespace {

constexpr swarm::UnitDescriptor kUnits[] = {
    {"proxy/1", swarm::Scope::kManager, "consensus/1,identity/1", "", &swarm::proxy_raft::Create},
};

}  // namespace

SWARM_PLUGIN(proxy_raft) = {SWARM_PLUGIN_HEADER,
                            "proxy-raft",
                            "1.0.0",
                            "Passes calls on to the leader, and waits for one to be elected",
                            swarm::Maturity::kAlpha,
                            nullptr,
                            0,
                            kUnits,
                            std::size(kUnits)};
