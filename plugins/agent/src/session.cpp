#include "session.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "swarm/rpc_typed.h"

namespace swarm::agent {
namespace {

constexpr std::string_view kSession = "/docker.swarmkit.v1.Dispatcher/Session";
constexpr std::string_view kHeartbeat = "/docker.swarmkit.v1.Dispatcher/Heartbeat";
constexpr std::string_view kAssignments = "/docker.swarmkit.v1.Dispatcher/Assignments";
constexpr std::string_view kTasks = "/docker.swarmkit.v1.Dispatcher/Tasks";
// A manager that asks for less is misconfigured; obeying would be calling without pause.
constexpr Duration kShortestPeriod = std::chrono::milliseconds(50);

}  // namespace

void Session::Open(const pb::NodeDescription& description, const std::string& previous_id) {
  pb::SessionRequest request;
  *request.mutable_description() = description;
  request.set_session_id(previous_id);
  timer_ = parts_.loop.After(parts_.options.rpc_timeout, [this] {
    auto fired = std::move(timer_);
    Fail({Code::kDeadlineExceeded, "session initiation timed out"});
  });
  session_ = Inbound<pb::SessionMessage>::Open(
      *parts_.channel, kSession, std::move(request), parts_.post,
      [this](auto message) { OnMessage(*message); }, [this](Status status) { Fail(status); });
}

void Session::OnMessage(const pb::SessionMessage& message) {
  auto self = shared_from_this();
  bool first = id_.empty();
  if (first && message.session_id().empty()) {
    return Fail({Code::kInternal, "the manager gave the session no id"});
  }
  if (first) id_ = message.session_id();
  parts_.message(message);
  if (!first || over_) return;
  timer_.reset();
  Beat();
  OpenAssignments();
  if (!over_) parts_.registered();
}

void Session::Beat() {
  pb::HeartbeatRequest request;
  request.set_session_id(id_);
  CallOptions options;
  options.timeout = parts_.options.rpc_timeout;
  beat_ = CallUnary<pb::HeartbeatResponse>(
      *parts_.channel, kHeartbeat, std::move(options), std::move(request),
      [weak = weak_from_this(), post = parts_.post](auto reply) {
        post([weak, reply = std::move(reply)] {
          if (auto self = weak.lock()) self->OnBeat(reply);
        });
      });
}

void Session::OnBeat(const Result<std::shared_ptr<const pb::HeartbeatResponse>>& reply) {
  if (over_) return;
  if (!reply.ok()) return Fail(reply.status());
  const auto& period = (*reply)->period();
  Duration wait = std::chrono::seconds(period.seconds()) + Duration(period.nanos());
  timer_ = parts_.loop.After(std::max(wait, kShortestPeriod), [this] {
    auto fired = std::move(timer_);
    Beat();
  });
}

void Session::OpenAssignments() {
  pb::AssignmentsRequest request;
  request.set_session_id(id_);
  applied_.clear();
  assignments_ = Inbound<pb::AssignmentsMessage>::Open(
      *parts_.channel, kAssignments, std::move(request), parts_.post,
      [this](auto message) { OnAssignments(*message); },
      [this](Status status) { OnAssignmentsEnd(status); });
}

void Session::OnAssignments(const pb::AssignmentsMessage& message) {
  bool complete = message.type() == pb::AssignmentsMessage::COMPLETE;
  if (!complete && message.applies_to() != applied_) {
    // A message was lost: what this one changes is not what we have. A new stream begins with
    // everything; if that breaks at once again, so does the session.
    parts_.log.Warn("Assignments do not follow on each other",
                    {{"have", applied_}, {"applies_to", message.applies_to()}});
    if (std::exchange(reopened_, true)) {
      return Fail({Code::kDataLoss, "assignments do not follow on each other"});
    }
    // Not inside the callback of the stream that this replaces.
    parts_.loop.Post([weak = weak_from_this()] {
      if (auto self = weak.lock(); self && !self->over_) self->OpenAssignments();
    });
    return assignments_->Cancel();
  }
  if (!complete) reopened_ = false;
  applied_ = message.results_in();
  parts_.assignments(message);
}

void Session::OnAssignmentsEnd(const Status& status) {
  if (status.code() != Code::kUnimplemented) return Fail(status);
  parts_.loop.Post([weak = weak_from_this()] {
    if (auto self = weak.lock(); self && !self->over_) self->OpenTasks();
  });
}

void Session::OpenTasks() {
  pb::TasksRequest request;
  request.set_session_id(id_);
  tasks_ = Inbound<pb::TasksMessage>::Open(
      *parts_.channel, kTasks, std::move(request), parts_.post,
      [this](auto message) { OnTasks(*message); }, [this](Status status) { Fail(status); });
}

void Session::OnTasks(const pb::TasksMessage& message) {
  pb::AssignmentsMessage all;
  all.set_type(pb::AssignmentsMessage::COMPLETE);
  for (const pb::Task& task : message.tasks()) {
    auto* change = all.add_changes();
    change->set_action(pb::AssignmentChange::UPDATE);
    *change->mutable_assignment()->mutable_task() = task;
  }
  parts_.assignments(all);
}

void Session::Close() {
  over_ = true;
  timer_.reset();
  if (beat_) beat_->Cancel();
  if (session_) session_->Cancel();
  if (assignments_) assignments_->Cancel();
  if (tasks_) tasks_->Cancel();
}

void Session::Fail(const Status& why) {
  if (over_) return;
  const Status status = why;
  auto self = shared_from_this();
  Close();
  parts_.ended(status);
}

}  // namespace swarm::agent
