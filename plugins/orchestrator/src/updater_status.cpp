// What an updater writes into its service: how it stands, and the return to the previous version.
#include <google/protobuf/util/message_differencer.h>

#include <memory>
#include <utility>

#include "component/times.h"
#include "updater.h"

namespace swarm::orchestrator {
namespace {

using google::protobuf::util::MessageDifferencer;
using UpdateState = pb::UpdateStatus;

}  // namespace

void Updater::WriteService(Function<Status(pb::Service&)> edit) {
  auto shared = std::make_shared<Function<Status(pb::Service&)>>(std::move(edit));
  tools_.env.Update(
      [id = id_, shared](Transaction& tx) {
        const ServicePtr current = tx.Get<pb::Service>(id);
        if (!current) return Status::Ok();
        auto changed = std::make_shared<pb::Service>(*current);
        SWARM_RETURN_IF_ERROR((*shared)(*changed));
        if (MessageDifferencer::Equals(*changed, *current)) return Status::Ok();
        return tx.Update(std::move(changed));
      },
      [logger = tools_.env.logger(), id = id_](const Status& status) {
        if (!status.ok()) {
          logger.Warn("update status not written",
                      {{"service.id", id}, {"error", status.ToString()}});
        }
      });
}

// Only while the status is the one this update stands for: a user may have changed the service, or
// asked for the previous version, just before.
void Updater::WriteOwn(Function<Status(pb::Service&)> edit) {
  WriteService([expected = status_, edit = std::move(edit)](pb::Service& service) mutable {
    const bool own = service.has_update_status() && service.update_status().state() == expected;
    return own ? edit(service) : Status::Ok();
  });
}

void Updater::WriteStarted() {
  status_ = UpdateState::UPDATING;
  WriteService([now = tools_.env.Now()](pb::Service& service) {
    if (service.has_update_status()) return Status::Ok();
    service.mutable_update_status()->set_state(UpdateState::UPDATING);
    service.mutable_update_status()->set_message("update in progress");
    component::SetTimestamp(now, service.mutable_update_status()->mutable_started_at());
    return Status::Ok();
  });
}

void Updater::WriteCompleted() {
  WriteOwn([now = tools_.env.Now()](pb::Service& service) {
    auto& status = *service.mutable_update_status();
    const bool back = status.state() == UpdateState::ROLLBACK_STARTED;
    if (!back && status.state() != UpdateState::UPDATING) return Status::Ok();
    status.set_state(back ? UpdateState::ROLLBACK_COMPLETED : UpdateState::COMPLETED);
    status.set_message(back ? "rollback completed" : "update completed");
    component::SetTimestamp(now, status.mutable_completed_at());
    return Status::Ok();
  });
}

void Updater::WritePaused(pb::UpdateStatus::UpdateState state, std::string message) {
  WriteOwn([state, message = std::move(message)](pb::Service& service) {
    service.mutable_update_status()->set_state(state);
    service.mutable_update_status()->set_message(message);
    return Status::Ok();
  });
}

void Updater::WriteRollback(const std::string& reason) {
  WriteOwn([reason](pb::Service& service) {
    auto& status = *service.mutable_update_status();
    if (!service.has_previous_spec()) {
      status.set_state(UpdateState::PAUSED);
      status.set_message("update paused" + reason + "; there is no version to roll back to");
      return Status::Ok();
    }
    status.set_state(UpdateState::ROLLBACK_STARTED);
    status.set_message("update rolled back" + reason);
    service.mutable_spec()->Swap(service.mutable_previous_spec());
    service.clear_previous_spec();
    if (service.has_previous_spec_version()) {
      *service.mutable_spec_version() = service.previous_spec_version();
    } else {
      service.clear_spec_version();
    }
    service.clear_previous_spec_version();
    return Status::Ok();
  });
}

}  // namespace swarm::orchestrator
