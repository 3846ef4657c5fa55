#include "swarm/plugin.h"

#include <iterator>

#include "identity.h"
#include "keeper.h"
#include "server.h"
#include "swarm/ca.h"

namespace {

constexpr swarm::UnitDescriptor kUnits[] = {
    {swarm::kIdentityRole.data(), swarm::Scope::kNode, "", "", swarm::ca::Identities::Create},
    {swarm::kComponentRole.data(), swarm::Scope::kLeader, "store/1,identity/1", "",
     swarm::ca::Server::Create},
    {swarm::kComponentRole.data(), swarm::Scope::kManager, "store/1,identity/1,consensus/1", "",
     swarm::ca::Keeper::Create},
};

}  // namespace

SWARM_PLUGIN(ca) = {
    SWARM_PLUGIN_HEADER,      "ca",    "1.0.0", "Certificates: who a node is, and who may join",
    swarm::Maturity::kStable, nullptr, 0,       kUnits,
    std::size(kUnits)};
