// Reading and removing tasks.
#include <memory>
#include <utility>
#include <vector>

#include "filters.h"
#include "registrar.h"
#include "swarm/store_errors.h"
#include "swarmkit/v1/control.pb.h"
#include "task_answer.h"
#include "task_dirty.h"

namespace swarm::controlapi {
namespace {

using Filters = pb::ListTasksRequest::Filters;

Result<Payload> GetTask(const Backend& backend, const pb::GetTaskRequest& request) {
  if (request.task_id().empty()) return InvalidRequest();
  const TaskPtr task = backend.store().Read()->GetTask(request.task_id());
  if (!task) return NotFound("task", request.task_id());
  pb::GetTaskResponse response;
  TaskToProto(*task, response.mutable_task());
  return Payload::Of(std::move(response));
}

bool StillWanted(const Reader& view, const Task& task) {
  const auto service = view.Get<pb::Service>(task.service_id);
  if (!service) return false;
  return IsUpToDate(*service, task, view.Get<pb::Node>(task.node_id).get());
}

bool Fits(const Filters& f, const Reader& view, const Task& task) {
  static const pb::Annotations kNone;
  const auto& labels = (task.service_annotations ? *task.service_annotations : kNone).labels();
  if (!f.names().empty() || !f.name_prefixes().empty()) {
    const std::string name = TaskName(task);
    if (!FitsAny(f.names(), name) || !FitsPrefix(f.name_prefixes(), name)) return false;
  }
  return FitsPrefix(f.id_prefixes(), task.id) && FitsLabels(f.labels(), labels) &&
         FitsAny(f.service_ids(), task.service_id) && FitsAny(f.node_ids(), task.node_id) &&
         (f.runtimes().empty() || FitsAny(f.runtimes(), RuntimeName(*task.spec))) &&
         FitsEnum(f.desired_states(), task.desired_state) &&
         (!f.up_to_date() || StillWanted(view, task));
}

Result<Payload> ListTasks(const Backend& backend, const pb::ListTasksRequest& request) {
  const Filters& f = request.filters();
  const By by = Query()
                    .Or(f.names(), By::Name)
                    .Or(f.name_prefixes(), By::NamePrefix)
                    .Or(f.id_prefixes(), By::IdPrefix)
                    .Or(f.service_ids(), By::Service)
                    .Or(f.runtimes(), By::Runtime)
                    .Or(f.node_ids(), By::Node)
                    .OrEnum<pb::TaskState>(f.desired_states(), By::DesiredState)
                    .Done();
  const ViewPtr view = backend.store().Read();
  std::vector<TaskPtr> found;
  if (by.kind == By::Kind::kAll) found.reserve(view->Count(Table::kTask));
  const Status status = view->FindTasks(by, [&](const TaskPtr& task) {
    if (!request.has_filters() || Fits(f, *view, *task)) found.push_back(task);
    return true;
  });
  if (!status.ok()) return ListError(status);
  return AnswerWithTasks(std::move(found));
}

void RemoveTask(Call call, std::shared_ptr<const pb::RemoveTaskRequest> request) {
  if (request->task_id().empty()) return call.reply(InvalidRequest());
  Transact(
      std::move(call),
      [request](Transaction& tx) {
        const Status status = tx.Delete(Table::kTask, request->task_id());
        if (store_errors::Is(status, store_errors::kNotExist)) {
          return NotFound("task", request->task_id());
        }
        return status;
      },
      [] { return Payload::Of(pb::RemoveTaskResponse()); });
}

}  // namespace

void RegisterTasks(Registrar& registrar) {
  registrar.Read<pb::GetTaskRequest>("GetTask", GetTask);
  registrar.Read<pb::ListTasksRequest>("ListTasks", ListTasks);
  registrar.Write<pb::RemoveTaskRequest>("RemoveTask", RemoveTask);
}

}  // namespace swarm::controlapi
