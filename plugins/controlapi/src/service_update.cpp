// Changing a service, or going back to what it was before.
#include <memory>
#include <utility>

#include "answer.h"
#include "messages.h"
#include "service_checks.h"
#include "service_methods.h"
#include "service_spec.h"

namespace swarm::controlapi {
namespace {

using Request = pb::UpdateServiceRequest;

// Checks that need no transaction.
Status CheckRequest(const Backend& backend, const Request& request) {
  if (request.service_id().empty() || !request.has_service_version()) return InvalidRequest();
  if (!request.has_spec()) return InvalidRequest();
  SWARM_RETURN_IF_ERROR(CheckServiceSpec(request.spec()));
  const ViewPtr view = backend.store().Read();
  SWARM_RETURN_IF_ERROR(CheckNotOnIngress(request.spec(), *view));
  const auto stored = view->Get<pb::Service>(request.service_id());
  if (!stored) return NotFound("service", request.service_id());
  const bool same_endpoint =
      stored->spec().has_endpoint() && Same(request.spec().endpoint(), stored->spec().endpoint());
  if (!request.spec().has_endpoint() || same_endpoint) return Status::Ok();
  return CheckPortConflicts(request.spec(), request.service_id(), *view);
}

// SwarmKit's first field for networks, which clients must give up before they change them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
bool ChangesOldNetworks(const pb::ServiceSpec& from, const pb::ServiceSpec& to) {
  if (from.networks().empty() && to.networks().empty()) return false;
  return !SameList(from.networks(), to.networks()) &&
         SameList(from.task().networks(), to.task().networks());
}
#pragma GCC diagnostic pop

Status CheckChange(const pb::ServiceSpec& from, const pb::ServiceSpec& to, const Reader& reader) {
  if (ChangesOldNetworks(from, to)) {
    return Unimplemented("networks must be migrated to TaskSpec before being changed");
  }
  SWARM_RETURN_IF_ERROR(CheckReferencesExist(to, reader));
  if (from.mode_case() != to.mode_case()) {
    return Unimplemented("service mode change is not allowed");
  }
  if (from.annotations().name() != to.annotations().name()) {
    return Unimplemented("renaming services is not supported");
  }
  return Status::Ok();
}

Status RollBack(const Backend& backend, pb::Service* service) {
  if (!service->has_previous_spec()) {
    return Precondition("service " + service->id() + " does not have a previous spec");
  }
  service->mutable_spec()->Swap(service->mutable_previous_spec());
  const bool had_version = service->has_spec_version();
  const bool had_previous = service->has_previous_spec_version();
  service->mutable_spec_version()->Swap(service->mutable_previous_spec_version());
  if (!had_version) service->clear_previous_spec_version();
  if (!had_previous) service->clear_spec_version();
  auto* update = service->mutable_update_status();
  update->Clear();
  update->set_state(pb::UpdateStatus::ROLLBACK_STARTED);
  update->set_message("manually requested rollback");
  backend.SetNow(update->mutable_started_at());
  return Status::Ok();
}

void Advance(const Request& request, pb::Service* service) {
  *service->mutable_previous_spec() = std::move(*service->mutable_spec());
  if (service->has_spec_version()) {
    *service->mutable_previous_spec_version() = service->spec_version();
  } else {
    service->clear_previous_spec_version();
  }
  *service->mutable_spec() = request.spec();
  *service->mutable_spec_version() = request.service_version();
  service->clear_update_status();
}

Result<std::shared_ptr<pb::Service>> Change(const Backend& backend, const Request& request,
                                            Transaction& tx) {
  const auto stored = tx.Get<pb::Service>(request.service_id());
  if (!stored) return NotFound("service", request.service_id());
  SWARM_RETURN_IF_ERROR(CheckChange(stored->spec(), request.spec(), tx));
  auto service = std::make_shared<pb::Service>(*stored);
  *service->mutable_meta()->mutable_version() = request.service_version();
  if (service->has_job_status()) {
    auto* job = service->mutable_job_status();
    job->mutable_job_iteration()->set_index(job->job_iteration().index() + 1);
    backend.SetNow(job->mutable_last_execution());
  }
  if (request.rollback() == Request::PREVIOUS) {
    SWARM_RETURN_IF_ERROR(RollBack(backend, service.get()));
  } else {
    Advance(request, service.get());
  }
  SWARM_RETURN_IF_ERROR(CheckIngressPresent(service->spec(), tx));
  SWARM_RETURN_IF_ERROR(tx.Update(service));
  return service;
}

}  // namespace

void UpdateService(Call call, std::shared_ptr<const Request> request) {
  if (const Status bad = CheckRequest(*call.backend, *request); !bad.ok()) return call.reply(bad);
  auto outcome = std::make_shared<std::shared_ptr<const pb::Service>>();
  const auto backend = call.backend;
  Transact(
      std::move(call),
      [backend, request = std::move(request), outcome](Transaction& tx) {
        auto changed = Change(*backend, *request, tx);
        if (changed.ok()) *outcome = std::move(*changed);
        return changed.status();
      },
      [outcome] {
        return AnswerWith<pb::UpdateServiceResponse, pb::Service>(
            *outcome, &pb::UpdateServiceResponse::unsafe_arena_set_allocated_service,
            &pb::UpdateServiceResponse::unsafe_arena_release_service);
      });
}

}  // namespace swarm::controlapi
