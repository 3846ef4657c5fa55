// What agents report of their tasks and volumes.
#include <utility>

#include "hub.h"

namespace swarm::dispatcher {

void Hub::UpdateTaskStatus(const CallContext& context, const pb::UpdateTaskStatusRequest& request,
                           UnaryReply reply) {
  auto record = Check(context, request.session_id());
  if (!record.ok()) return reply(record.status());
  ViewPtr view = parts_.store.Read();
  std::vector<const pb::UpdateTaskStatusRequest::TaskStatusUpdate*> accepted;
  for (const auto& update : request.updates()) {
    if (!update.has_status()) continue;
    TaskPtr task = view->GetTask(update.task_id());
    if (!task) continue;
    if (task->node_id != (*record)->id) {
      return reply(Status(Code::kPermissionDenied, "cannot update a task not assigned this node"));
    }
    // After each reconnection agents report everything again: what is known costs no write.
    bool news =
        writes_->has_pending_task(task->id) ||
        (task->status.state <= update.status().state() && !SameReport(*task, update.status()));
    if (news) accepted.push_back(&update);
  }
  for (const auto* update : accepted) writes_->ReportTask(update->task_id(), update->status());
  reply(Payload::Of(pb::UpdateTaskStatusResponse()));
}

void Hub::UpdateVolumeStatus(const CallContext& context,
                             const pb::UpdateVolumeStatusRequest& request, UnaryReply reply) {
  auto record = Check(context, request.session_id());
  if (!record.ok()) return reply(record.status());
  for (const auto& update : request.updates()) {
    if (update.unpublished()) writes_->ReportUnpublished(update.id(), (*record)->id);
  }
  reply(Payload::Of(pb::UpdateVolumeStatusResponse()));
}

}  // namespace swarm::dispatcher
