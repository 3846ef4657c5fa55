#include "swarm/plugin.h"

#include <iterator>
#include <memory>

#include "raft_consensus.h"
#include "settings.h"
#include "swarm/ca.h"
#include "swarm/consensus.h"
#include "swarm/fatal.h"
#include "timing_unit.h"

namespace {

swarm::raft::Surroundings Around(swarm::InstanceContext& context) {
  swarm::raft::Surroundings around;
  around.network = &context.network();
  around.router = &context.router();
  around.credentials = [&context]() -> std::shared_ptr<const swarm::Credentials> {
    auto* identity = static_cast<swarm::IdentityProvider*>(context.Find(swarm::kIdentityRole));
    return identity == nullptr ? nullptr : identity->Current(context.node().state_dir);
  };
  return around;
}

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_RETURN_IF_ERROR(
      swarm::raft::CheckOptions(swarm::raft::ReadOptions(context.settings(), context.node())));
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::raft::RaftConsensus>(
      context.runtime(), swarm::raft::ReadOptions(context.settings(), context.node()),
      context.logger(), Around(context),
      [&context](swarm::Status why) { swarm::ReportFatal(context, std::move(why)); }));
}

swarm::Result<std::unique_ptr<swarm::Instance>> CreateTiming(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* store, context.Require<swarm::Store>(swarm::kStoreRole));
  SWARM_ASSIGN_OR_RETURN(auto* consensus, context.Require<swarm::Consensus>(swarm::kConsensusRole));
  auto* raft = dynamic_cast<swarm::raft::RaftConsensus*>(consensus);
  return std::unique_ptr<swarm::Instance>(std::make_unique<swarm::raft::TimingUnit>(
      raft == nullptr ? nullptr : raft->profile_keeper(), *store));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"consensus/1", swarm::Scope::kManager, "identity/1", "", Create},
    {"component/1", swarm::Scope::kLeader, "store/1,consensus/1", "", CreateTiming},
};

}  // namespace

SWARM_PLUGIN(raft) = {SWARM_PLUGIN_HEADER,
                      "raft",
                      "1.0.0",
                      "Consensus between managers, as SwarmKit's raft does it",
                      swarm::Maturity::kAlpha,
                      swarm::raft::kSettings,
                      std::size(swarm::raft::kSettings),
                      kUnits,
                      std::size(kUnits)};
