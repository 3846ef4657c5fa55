// How many of a service's tasks there should be, are running, and are done.
#include "service_methods.h"

namespace swarm::controlapi {
namespace {

using ServiceStatus = pb::ListServiceStatusesResponse::ServiceStatus;

bool IsGlobal(const pb::ServiceSpec& spec) { return spec.has_global() || spec.has_global_job(); }
bool IsJob(const pb::ServiceSpec& spec) {
  return spec.has_replicated_job() || spec.has_global_job();
}

std::uint64_t Wanted(const pb::ServiceSpec& spec) {
  if (spec.has_replicated()) return spec.replicated().replicas();
  return spec.replicated_job().max_concurrent();
}

// `service` is null when it is gone and tasks of it are left.
void Count(const pb::Service* service, const Task& task, ServiceStatus* out) {
  if (service && IsJob(service->spec())) {
    const auto iteration = service->job_status().job_iteration().index();
    if (!task.extras || !task.extras->has_job_iteration ||
        task.extras->job_iteration != iteration) {
      return;
    }
    if (task.status.state == pb::COMPLETE) out->set_completed_tasks(out->completed_tasks() + 1);
  }
  if (task.status.state == pb::RUNNING) out->set_running_tasks(out->running_tasks() + 1);
  if (!service || !IsGlobal(service->spec())) return;
  const bool wanted = task.desired_state == pb::RUNNING ||
                      (task.desired_state == pb::COMPLETE && task.status.state != pb::COMPLETE);
  if (wanted) out->set_desired_tasks(out->desired_tasks() + 1);
}

}  // namespace

Result<Payload> ListServiceStatuses(const Backend& backend,
                                    const pb::ListServiceStatusesRequest& request) {
  const ViewPtr view = backend.store().Read();
  pb::ListServiceStatusesResponse response;
  for (const std::string& id : request.services()) {
    ServiceStatus* out = response.add_statuses();
    out->set_service_id(id);
    const auto service = view->Get<pb::Service>(id);
    if (service && !IsGlobal(service->spec())) out->set_desired_tasks(Wanted(service->spec()));
    SWARM_RETURN_IF_ERROR(view->FindTasks(By::Service(id), [&](const TaskPtr& task) {
      Count(service.get(), *task, out);
      return true;
    }));
  }
  return Payload::Of(std::move(response));
}

}  // namespace swarm::controlapi
