#include "control_api.h"

#include <utility>

#include "registrar.h"

namespace swarm::controlapi {

Result<std::unique_ptr<Instance>> ControlApi::Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(Store * store, context.Require<Store>(kStoreRole));
  auto* consensus = static_cast<Consensus*>(context.Find(kConsensusRole));
  return std::unique_ptr<Instance>(std::make_unique<ControlApi>(
      context.router(),
      std::make_shared<Backend>(*store, consensus, context.runtime(), context.node().node_id)));
}

ControlApi::ControlApi(Router& router, std::shared_ptr<Backend> backend)
    : router_(router), backend_(std::move(backend)) {}

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
  gate_->Close(std::move(done));
}

}  // namespace swarm::controlapi
