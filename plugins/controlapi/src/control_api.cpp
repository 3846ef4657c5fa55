#include "control_api.h"

#include <utility>

#include "registrar.h"
#include "swarm/ca.h"

namespace swarm::controlapi {

Result<std::unique_ptr<Instance>> ControlApi::Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(Store * store, context.Require<Store>(kStoreRole));
  auto* consensus = static_cast<Consensus*>(context.Find(kConsensusRole));
  auto* identities = static_cast<IdentityProvider*>(context.Find(kIdentityRole));
  auto outside = MakeOutside(context.runtime(), [identities, folder = context.node().state_dir] {
    return identities != nullptr ? identities->Current(folder) : nullptr;
  });
  std::unique_ptr<Askers> askers;
  if (dynamic_cast<LeadershipCheck*>(consensus)) {
    askers = std::make_unique<Askers>(context.runtime());
  }
  auto backend = std::make_shared<Backend>(*store, consensus, context.runtime(),
                                           context.node().node_id, outside.get(), askers.get());
  return std::unique_ptr<Instance>(std::make_unique<ControlApi>(
      context.router(), std::move(backend), std::move(outside), std::move(askers)));
}

ControlApi::ControlApi(Router& router, std::shared_ptr<Backend> backend,
                       std::unique_ptr<Outside> outside, std::unique_ptr<Askers> askers)
    : router_(router),
      outside_(std::move(outside)),
      backend_(std::move(backend)),
      askers_(std::move(askers)) {}

ControlApi::~ControlApi() = default;

void ControlApi::Start(Function<void(Status)> done) noexcept {
  Registrar registrar(router_, backend_, gate_);
  RegisterNodes(registrar);
  RegisterTasks(registrar);
  RegisterServices(registrar);
  RegisterClusters(registrar);
  RegisterNetworks(registrar);
  RegisterSecrets(registrar);
  RegisterConfigs(registrar);
  RegisterExtensions(registrar);
  RegisterResources(registrar);
  RegisterHealth(registrar);
  auto registrations = std::move(registrar).Done();
  if (!registrations.ok()) return done(registrations.status());
  registrations_ = std::move(*registrations);
  done(Status::Ok());
}

void ControlApi::Stop(Function<void()> done) noexcept {
  registrations_.clear();
  if (outside_) outside_->Cancel();
  gate_->Close(std::move(done));
}

}  // namespace swarm::controlapi
