// Creating, reading and removing services.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "answer.h"
#include "filters.h"
#include "registrar.h"
#include "service_checks.h"
#include "service_defaults.h"
#include "service_methods.h"
#include "service_spec.h"
#include "swarm/store_errors.h"
#include "swarmkit/v1/control.pb.h"

namespace swarm::controlapi {
namespace {

Status CheckNew(const Backend& backend, const pb::CreateServiceRequest& request) {
  if (!request.has_spec()) return InvalidRequest();
  SWARM_RETURN_IF_ERROR(CheckServiceSpec(request.spec()));
  const ViewPtr view = backend.store().Read();
  SWARM_RETURN_IF_ERROR(CheckNotOnIngress(request.spec(), *view));
  SWARM_RETURN_IF_ERROR(CheckPortConflicts(request.spec(), "", *view));
  return CheckIngressPresent(request.spec(), *view);
}

std::shared_ptr<pb::Service> NewService(Backend& backend, const pb::ServiceSpec& spec) {
  auto service = std::make_shared<pb::Service>();
  service->set_id(backend.NewObjectId());
  *service->mutable_spec() = spec;
  service->mutable_spec_version();
  if (spec.has_replicated_job() || spec.has_global_job()) {
    service->mutable_job_status()->mutable_job_iteration();
    backend.SetNow(service->mutable_job_status()->mutable_last_execution());
  }
  return service;
}

// The object to store and to answer with.
struct Creation {
  std::shared_ptr<pb::Service> service;
  bool stored = false;
};

Status Create(Creation& creation, Transaction& tx) {
  if (creation.stored) {
    // A transaction that runs again must not touch what the store was given before.
    creation.service = std::make_shared<pb::Service>(*creation.service);
    creation.service->clear_meta();
  }
  SWARM_RETURN_IF_ERROR(CheckReferencesExist(creation.service->spec(), tx));
  const Status status = tx.Create(creation.service);
  creation.stored = true;
  if (store_errors::Is(status, store_errors::kNameConflict)) {
    return {Code::kAlreadyExists, status.message() + ": service " +
                                      creation.service->spec().annotations().name() +
                                      " already exists"};
  }
  return status;
}

void CreateService(Call call, std::shared_ptr<const pb::CreateServiceRequest> request) {
  if (const Status bad = CheckNew(*call.backend, *request); !bad.ok()) return call.reply(bad);
  auto creation = std::make_shared<Creation>();
  creation->service = NewService(*call.backend, request->spec());
  Transact(
      std::move(call), [creation](Transaction& tx) { return Create(*creation, tx); },
      [creation] {
        return AnswerWith<pb::CreateServiceResponse, pb::Service>(
            creation->service, &pb::CreateServiceResponse::unsafe_arena_set_allocated_service,
            &pb::CreateServiceResponse::unsafe_arena_release_service);
      });
}

Result<Payload> GetService(const Backend& backend, const pb::GetServiceRequest& request) {
  if (request.service_id().empty()) return InvalidRequest();
  auto service = backend.store().Read()->Get<pb::Service>(request.service_id());
  if (!service) return NotFound("service", request.service_id());
  if (request.insert_defaults()) {
    auto copy = std::make_shared<pb::Service>(*service);
    InsertServiceDefaults(copy->mutable_spec());
    service = std::move(copy);
  }
  return AnswerWith<pb::GetServiceResponse, pb::Service>(
      std::move(service), &pb::GetServiceResponse::unsafe_arena_set_allocated_service,
      &pb::GetServiceResponse::unsafe_arena_release_service);
}

std::string RuntimeOf(const pb::Service& service) { return RuntimeName(service.spec().task()); }

Result<Payload> ListServices(const Backend& backend, const pb::ListServicesRequest& request) {
  const auto& f = request.filters();
  const By by = Query()
                    .Or(f.names(), By::Name)
                    .Or(f.name_prefixes(), By::NamePrefix)
                    .Or(f.id_prefixes(), By::IdPrefix)
                    .Or(f.runtimes(), By::Runtime)
                    .Done();
  const auto fits = [&f](const pb::Service& service) {
    const auto& annotations = service.spec().annotations();
    return FitsAny(f.names(), annotations.name()) &&
           FitsPrefix(f.name_prefixes(), annotations.name()) &&
           FitsPrefix(f.id_prefixes(), service.id()) &&
           FitsLabels(f.labels(), annotations.labels()) &&
           (f.runtimes().empty() || FitsAny(f.runtimes(), RuntimeOf(service)));
  };
  SWARM_ASSIGN_OR_RETURN(auto found, Select<pb::Service>(*backend.store().Read(), by, fits));
  return AnswerWithAll<pb::ListServicesResponse, pb::Service>(
      std::move(found), &pb::ListServicesResponse::mutable_services);
}

void RemoveService(Call call, std::shared_ptr<const pb::RemoveServiceRequest> request) {
  if (request->service_id().empty()) return call.reply(InvalidRequest());
  Transact(
      std::move(call),
      [request](Transaction& tx) {
        const Status status = tx.Remove<pb::Service>(request->service_id());
        if (store_errors::Is(status, store_errors::kNotExist)) {
          return NotFound("service", request->service_id());
        }
        return status;
      },
      [] { return Payload::Of(pb::RemoveServiceResponse()); });
}

}  // namespace

void RegisterServices(Registrar& registrar) {
  registrar.Write<pb::CreateServiceRequest>("CreateService", CreateService);
  registrar.Read<pb::GetServiceRequest>("GetService", GetService);
  registrar.Write<pb::UpdateServiceRequest>("UpdateService", UpdateService);
  registrar.Write<pb::RemoveServiceRequest>("RemoveService", RemoveService);
  registrar.Read<pb::ListServicesRequest>("ListServices", ListServices);
  registrar.Read<pb::ListServiceStatusesRequest>("ListServiceStatuses", ListServiceStatuses);
}

}  // namespace swarm::controlapi
