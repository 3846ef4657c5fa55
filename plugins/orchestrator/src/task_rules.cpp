#include "task_rules.h"

#include <google/protobuf/util/message_differencer.h>

#include <tuple>
#include <utility>

#include "constraint/constraint.h"

namespace swarm::orchestrator {
namespace {

using google::protobuf::util::MessageDifferencer;

bool MeetsConstraints(const pb::Placement& placement, const pb::Node& node) {
  const auto constraints = constraint::Parse(placement.constraints());
  // What cannot be read constrains nothing: it was accepted by an older manager.
  return !constraints.ok() || constraint::Match(*constraints, node);
}

bool OnlyPlacementDiffers(const pb::TaskSpec& wanted, const pb::TaskSpec& actual) {
  if (MessageDifferencer::Equals(wanted.placement(), actual.placement()) &&
      wanted.has_placement() == actual.has_placement()) {
    return false;
  }
  pb::TaskSpec copy = actual;
  if (wanted.has_placement()) {
    *copy.mutable_placement() = wanted.placement();
  } else {
    copy.clear_placement();
  }
  return MessageDifferencer::Equals(wanted, copy);
}

// New registry credentials must not restart what runs well.
bool SpecsDiffer(const pb::TaskSpec& wanted, const Task& task) {
  const pb::TaskSpec& actual = *task.spec;
  const bool healthy = task.desired_state <= pb::RUNNING && task.status.state >= pb::READY &&
                       task.status.state <= pb::RUNNING;
  if (!healthy || !wanted.has_container() || !actual.has_container()) {
    return !MessageDifferencer::Equals(wanted, actual);
  }
  pb::TaskSpec copy = actual;
  if (wanted.container().has_pull_options()) {
    *copy.mutable_container()->mutable_pull_options() = wanted.container().pull_options();
  } else {
    copy.mutable_container()->clear_pull_options();
  }
  return !MessageDifferencer::Equals(wanted, copy);
}

template <class T>
std::shared_ptr<const T> Share(const T& wanted, const std::shared_ptr<const T>& last) {
  if (last && MessageDifferencer::Equals(wanted, *last)) return last;
  return std::make_shared<const T>(wanted);
}

std::shared_ptr<const TaskExtras> ExtrasFor(const pb::TaskSpec& spec, const pb::Cluster* cluster,
                                            const SharedParts* last) {
  const pb::Driver* driver = nullptr;
  if (spec.has_log_driver()) {
    driver = &spec.log_driver();
  } else if (cluster && cluster->spec().task_defaults().has_log_driver()) {
    driver = &cluster->spec().task_defaults().log_driver();
  }
  if (!driver) return nullptr;
  if (last && last->extras && MessageDifferencer::Equals(*driver, *last->extras->log_driver)) {
    return last->extras;
  }
  auto extras = std::make_shared<TaskExtras>();
  extras->log_driver = std::make_shared<const pb::Driver>(*driver);
  return extras;
}

}  // namespace

Mode ModeOf(const pb::Service& service) {
  if (service.spec().has_replicated()) return Mode::kReplicated;
  if (service.spec().has_global()) return Mode::kGlobal;
  return Mode::kOther;
}

SlotKey SlotOf(const Task& task) {
  return task.slot != 0 ? SlotKey{task.slot, ""} : SlotKey{0, task.node_id};
}

bool IsInvalid(const pb::Node* node) {
  return !node || node->status().state() == pb::NodeStatus::DOWN ||
         node->spec().availability() == pb::NodeSpec::DRAIN;
}

bool IsDirty(const pb::Service& service, const Task& task, const pb::Node* node) {
  if (service.has_spec_version() && task.has_spec_version &&
      service.spec_version().index() == task.spec_version) {
    return false;
  }
  const pb::TaskSpec& wanted = service.spec().task();
  if (node && OnlyPlacementDiffers(wanted, *task.spec) &&
      MeetsConstraints(wanted.placement(), *node)) {
    return false;
  }
  if (SpecsDiffer(wanted, task)) return true;
  if (!task.endpoint) return false;
  return service.spec().has_endpoint() != task.endpoint->has_spec() ||
         !MessageDifferencer::Equals(service.spec().endpoint(), task.endpoint->spec());
}

bool IsUpToDate(const pb::Service& service, const Task& task, const View& view) {
  const auto node = task.node_id.empty() ? nullptr : view.Get<pb::Node>(task.node_id);
  return !IsDirty(service, task, node.get());
}

TaskPtr LastOf(const pb::Service& service, const Slot& tasks, const View& view) {
  TaskPtr made;
  TaskPtr heard_of;
  for (const TaskPtr& task : tasks) {
    if (!made || std::tuple(made->created_at, TaskTimestamp(*made)) <
                     std::tuple(task->created_at, TaskTimestamp(*task))) {
      made = task;
    }
    if (!heard_of || TaskTimestamp(*heard_of) < TaskTimestamp(*task)) heard_of = task;
  }
  if (made == heard_of) return made;
  return !IsUpToDate(service, *made, view) && IsUpToDate(service, *heard_of, view) ? heard_of
                                                                                   : made;
}

SharedPartsPtr PartsCache::For(const ServicePtr& service, const ClusterPtr& cluster) {
  Entry& entry = entries_[service->id()];
  if (entry.service == service && entry.cluster == cluster) return entry.parts;
  const SharedParts* last = entry.parts.get();
  const pb::ServiceSpec& spec = service->spec();
  auto parts = std::make_shared<SharedParts>();
  parts->spec = Share(spec.task(), last ? last->spec : nullptr);
  parts->annotations = Share(spec.annotations(), last ? last->annotations : nullptr);
  // The allocator fills in ports and addresses.
  pb::Endpoint endpoint;
  if (spec.has_endpoint()) *endpoint.mutable_spec() = spec.endpoint();
  parts->endpoint = Share(endpoint, last ? last->endpoint : nullptr);
  parts->extras = ExtrasFor(spec.task(), cluster.get(), last);
  parts->has_spec_version = service->has_spec_version();
  parts->spec_version = service->spec_version().index();
  entry = {service, cluster, std::move(parts)};
  return entry.parts;
}

std::shared_ptr<Task> NewTask(const SharedParts& parts, std::string id, std::string service_id,
                              const SlotKey& slot, pb::TaskState desired, TaskTime now) {
  auto task = std::make_shared<Task>();
  task->id = std::move(id);
  task->spec = parts.spec;
  task->spec_version = parts.spec_version;
  task->has_spec_version = parts.has_spec_version;
  task->service_id = std::move(service_id);
  task->slot = slot.number;
  task->node_id = slot.node_id;
  task->service_annotations = parts.annotations;
  task->desired_state = desired;
  task->status.state = pb::NEW;
  task->status.message = "created";
  task->status.timestamp = now;
  task->endpoint = parts.endpoint;
  task->extras = parts.extras;
  return task;
}

Status RaiseDesired(Transaction& tx, std::string_view task_id, pb::TaskState desired) {
  const TaskPtr task = tx.GetTask(task_id);
  if (!task || task->desired_state >= desired) return Status::Ok();
  auto changed = std::make_shared<Task>(*task);
  changed->desired_state = desired;
  return tx.UpdateTask(std::move(changed));
}

ClusterPtr FindCluster(const Reader& reader) {
  ClusterPtr out;
  (void)reader.FindMessages(Table::kCluster, By::All(), [&out](const MessagePtr& message) {
    out = std::static_pointer_cast<const pb::Cluster>(message);
    return false;
  });
  return out;
}

}  // namespace swarm::orchestrator
