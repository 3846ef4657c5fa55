#include "state_machine.h"

#include <google/protobuf/util/message_differencer.h>

#include <utility>

namespace swarm::agent {
namespace {

constexpr Step kNothing{true, Operation::kNone, pb::NEW, ""};

}  // namespace

Step NextStep(pb::TaskState state, pb::TaskState desired) {
  if (state >= pb::COMPLETE) return kNothing;
  if (desired >= pb::SHUTDOWN) return {false, Operation::kShutdown, pb::SHUTDOWN, "shutdown"};
  if (state > desired) return kNothing;
  // These act even when they are where the task is to stay: being there means being at it.
  if (state >= pb::RUNNING) return {false, Operation::kWait, pb::COMPLETE, "finished"};
  if (state >= pb::STARTING) return {false, Operation::kStart, pb::RUNNING, "started"};
  if (state == pb::PREPARING) return {false, Operation::kPrepare, pb::READY, "prepared"};
  if (state == desired) return kNothing;
  if (state >= pb::READY) return {false, Operation::kNone, pb::STARTING, "starting"};
  if (state >= pb::ACCEPTED) return {false, Operation::kNone, pb::PREPARING, "preparing"};
  return {false, Operation::kNone, pb::ACCEPTED, "accepted"};
}

Outcome ApplyResult(const Step& step, const StepResult& result, pb::TaskStatus* status) {
  if (result.status.ok()) {
    status->set_state(step.next);
    status->set_message(step.message);
    status->clear_err();
    return Outcome::kAdvanced;
  }
  Code code = result.status.code();
  if (code == Code::kCancelled || code == Code::kDeadlineExceeded) return Outcome::kCancelled;
  status->set_err(result.status.message());
  if (result.temporary) return Outcome::kRetry;
  status->set_state(status->state() < pb::STARTING ? pb::REJECTED : pb::FAILED);
  return Outcome::kAdvanced;
}

void ApplyObservation(const StepResult& result, std::optional<pb::ContainerStatus> container,
                      std::optional<pb::PortStatus> ports, pb::TaskStatus* status) {
  if (status->state() < pb::STARTING) return;
  if (result.container) {
    *status->mutable_container() = *result.container;
  } else if (container) {
    *status->mutable_container() = *std::move(container);
  }
  if (result.exit_code) status->mutable_container()->set_exit_code(*result.exit_code);
  if (ports) *status->mutable_port_status() = *std::move(ports);
}

void ApplyResolved(pb::TaskStatus* status) {
  if (status->state() >= pb::ACCEPTED) return;
  status->set_state(pb::ACCEPTED);
  status->set_message("accepted");
  status->clear_err();
}

void ApplyUnresolved(const Status& error, pb::TaskStatus* status) {
  if (status->state() < pb::STARTING) {
    status->set_state(pb::REJECTED);
  } else if (status->state() <= pb::RUNNING) {
    status->set_state(pb::FAILED);
  }
  status->set_message("resolving controller failed");
  status->set_err(error.message());
}

bool StampIfChanged(const pb::TaskStatus& before, WallTime now, pb::TaskStatus* status) {
  using google::protobuf::util::MessageDifferencer;
  *status->mutable_timestamp() = before.timestamp();
  if (!before.has_timestamp()) status->clear_timestamp();
  if (MessageDifferencer::Equals(before, *status)) return false;
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t nanos = now.time_since_epoch().count();
  auto seconds = nanos / kSecond;
  auto rest = static_cast<std::int32_t>(nanos % kSecond);
  auto* stamp = status->mutable_timestamp();
  if (std::pair(stamp->seconds(), stamp->nanos()) < std::pair(seconds, rest)) {
    stamp->set_seconds(seconds);
    stamp->set_nanos(rest);
  }
  return true;
}

}  // namespace swarm::agent
