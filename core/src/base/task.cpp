#include "swarm/task.h"

#include <algorithm>
#include <cctype>

namespace swarm {
namespace {

TaskTime TimeFromProto(bool present, const google::protobuf::Timestamp& t) {
  if (!present) return {};
  return {t.seconds(), t.nanos(), true};
}

void TimeToProto(const TaskTime& time, google::protobuf::Timestamp* out) {
  out->set_seconds(time.seconds);
  out->set_nanos(time.nanos);
}

bool IsEmpty(const pb::Annotations& a) {
  return a.name().empty() && a.labels().empty() && a.indices().empty() &&
         a.GetReflection()->GetUnknownFields(a).empty();
}

std::shared_ptr<const TaskExtras> ExtrasFromProto(const pb::Task& task) {
  const auto& unknown = task.GetReflection()->GetUnknownFields(task);
  const bool any = !IsEmpty(task.annotations()) || !task.networks().empty() ||
                   !task.assigned_generic_resources().empty() || !task.volumes().empty() ||
                   task.has_log_driver() || task.has_job_iteration() ||
                   task.status().has_port_status() || !unknown.empty();
  if (!any) return nullptr;
  auto extras = std::make_shared<TaskExtras>();
  extras->annotations = task.annotations();
  extras->networks.assign(task.networks().begin(), task.networks().end());
  extras->assigned_generic_resources.assign(task.assigned_generic_resources().begin(),
                                            task.assigned_generic_resources().end());
  extras->volumes.assign(task.volumes().begin(), task.volumes().end());
  if (task.has_log_driver())
    extras->log_driver = std::make_shared<const pb::Driver>(task.log_driver());
  extras->has_job_iteration = task.has_job_iteration();
  extras->job_iteration = task.job_iteration().index();
  extras->has_port_status = task.status().has_port_status();
  extras->port_status = task.status().port_status();
  if (!unknown.empty()) unknown.SerializeToString(&extras->unknown_fields);
  return extras;
}

void ExtrasToProto(const TaskExtras& extras, pb::Task* out) {
  *out->mutable_annotations() = extras.annotations;
  for (const auto& n : extras.networks) *out->add_networks() = n;
  for (const auto& r : extras.assigned_generic_resources)
    *out->add_assigned_generic_resources() = r;
  for (const auto& v : extras.volumes) *out->add_volumes() = v;
  if (extras.log_driver) *out->mutable_log_driver() = *extras.log_driver;
  if (extras.has_job_iteration) out->mutable_job_iteration()->set_index(extras.job_iteration);
  if (extras.has_port_status) *out->mutable_status()->mutable_port_status() = extras.port_status;
  if (!extras.unknown_fields.empty()) {
    out->GetReflection()->MutableUnknownFields(out)->ParseFromString(extras.unknown_fields);
  }
}

void StatusToProto(const TaskStatusValue& status, pb::TaskStatus* out) {
  out->set_state(status.state);
  if (status.timestamp.present) TimeToProto(status.timestamp, out->mutable_timestamp());
  if (status.applied_at.present) TimeToProto(status.applied_at, out->mutable_applied_at());
  out->set_message(status.message);
  out->set_err(status.err);
  out->set_applied_by(status.applied_by);
  if (status.container) {
    auto* container = out->mutable_container();
    container->set_container_id(status.container->container_id);
    container->set_pid(status.container->pid);
    container->set_exit_code(status.container->exit_code);
  }
}

}  // namespace

TaskStatusValue StatusFromProto(const pb::TaskStatus& status) {
  TaskStatusValue out;
  out.state = status.state();
  out.timestamp = TimeFromProto(status.has_timestamp(), status.timestamp());
  out.applied_at = TimeFromProto(status.has_applied_at(), status.applied_at());
  out.message = status.message();
  out.err = status.err();
  out.applied_by = status.applied_by();
  if (status.has_container()) {
    out.container = std::make_shared<const TaskContainerStatus>(
        TaskContainerStatus{status.container().container_id(), status.container().pid(),
                            status.container().exit_code()});
  }
  return out;
}

Task TaskFromProto(const pb::Task& task) {
  Task out;
  out.id = task.id();
  out.version = task.meta().version().index();
  out.created_at = TimeFromProto(task.meta().has_created_at(), task.meta().created_at());
  out.updated_at = TimeFromProto(task.meta().has_updated_at(), task.meta().updated_at());
  out.spec = std::make_shared<const pb::TaskSpec>(task.spec());
  out.has_spec_version = task.has_spec_version();
  out.spec_version = task.spec_version().index();
  out.service_id = task.service_id();
  out.slot = task.slot();
  out.node_id = task.node_id();
  out.service_annotations = std::make_shared<const pb::Annotations>(task.service_annotations());
  out.desired_state = task.desired_state();
  out.status = StatusFromProto(task.status());
  if (task.has_endpoint()) out.endpoint = std::make_shared<const pb::Endpoint>(task.endpoint());
  out.extras = ExtrasFromProto(task);
  return out;
}

void TaskToProto(const Task& task, pb::Task* out) {
  out->Clear();
  out->set_id(task.id);
  auto* meta = out->mutable_meta();
  meta->mutable_version()->set_index(task.version);
  if (task.created_at.present) TimeToProto(task.created_at, meta->mutable_created_at());
  if (task.updated_at.present) TimeToProto(task.updated_at, meta->mutable_updated_at());
  auto* spec = out->mutable_spec();
  if (task.spec) *spec = *task.spec;
  if (task.has_spec_version) out->mutable_spec_version()->set_index(task.spec_version);
  out->set_service_id(task.service_id);
  out->set_slot(task.slot);
  out->set_node_id(task.node_id);
  // SwarmKit's peers always write these messages, even when empty.
  out->mutable_annotations();
  auto* service = out->mutable_service_annotations();
  if (task.service_annotations) *service = *task.service_annotations;
  StatusToProto(task.status, out->mutable_status());
  out->set_desired_state(task.desired_state);
  if (task.endpoint) *out->mutable_endpoint() = *task.endpoint;
  if (task.extras) ExtrasToProto(*task.extras, out);
}

pb::Task TaskToProto(const Task& task) {
  pb::Task out;
  TaskToProto(task, &out);
  return out;
}

std::string TaskName(const Task& task) {
  if (task.extras && !task.extras->annotations.name().empty())
    return task.extras->annotations.name();
  std::string name = task.service_annotations ? task.service_annotations->name() : std::string();
  name += '.';
  name += task.slot != 0 ? std::to_string(task.slot) : task.node_id;
  name += '.';
  name += task.id;
  return name;
}

std::string RuntimeName(const pb::TaskSpec& spec) {
  switch (spec.runtime_case()) {
    case pb::TaskSpec::kContainer:
      return "container";
    case pb::TaskSpec::kAttachment:
      return "attachment";
    case pb::TaskSpec::kGeneric: {
      std::string kind = spec.generic().kind();
      std::transform(kind.begin(), kind.end(), kind.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      return kind;
    }
    case pb::TaskSpec::RUNTIME_NOT_SET:
      break;
  }
  return {};
}

TaskTime TaskTimestamp(const Task& task) {
  return task.status.applied_at.present ? task.status.applied_at : task.status.timestamp;
}

}  // namespace swarm
