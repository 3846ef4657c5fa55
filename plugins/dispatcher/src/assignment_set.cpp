#include "assignment_set.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

namespace swarm::dispatcher {
namespace {

using google::protobuf::util::MessageDifferencer;

// Shared parts are nearly always the same object.
template <class M>
bool Same(const std::shared_ptr<const M>& a, const std::shared_ptr<const M>& b) {
  if (a == b) return true;
  return a && b && MessageDifferencer::Equals(*a, *b);
}

template <class M>
bool Same(const std::vector<M>& a, const std::vector<M>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const M& x, const M& y) { return MessageDifferencer::Equals(x, y); });
}

// The port status belongs to the status and is left out.
bool SameExtras(const TaskExtras& a, const TaskExtras& b) {
  return MessageDifferencer::Equals(a.annotations, b.annotations) && Same(a.networks, b.networks) &&
         Same(a.assigned_generic_resources, b.assigned_generic_resources) &&
         Same(a.volumes, b.volumes) && Same(a.log_driver, b.log_driver) &&
         a.has_job_iteration == b.has_job_iteration && a.job_iteration == b.job_iteration &&
         a.unknown_fields == b.unknown_fields;
}

bool SameExtras(const std::shared_ptr<const TaskExtras>& a,
                const std::shared_ptr<const TaskExtras>& b) {
  if (a == b) return true;
  const TaskExtras none;
  return SameExtras(a ? *a : none, b ? *b : none);
}

std::shared_ptr<const pb::VolumeAssignment> MakeVolumeAssignment(
    const pb::Volume& volume, const pb::VolumePublishStatus& status) {
  auto out = std::make_shared<pb::VolumeAssignment>();
  out->set_id(volume.id());
  out->set_volume_id(volume.volume_info().volume_id());
  if (volume.spec().has_driver()) *out->mutable_driver() = volume.spec().driver();
  *out->mutable_volume_context() = volume.volume_info().volume_context();
  *out->mutable_publish_context() = status.publish_context();
  if (volume.spec().has_access_mode()) *out->mutable_access_mode() = volume.spec().access_mode();
  *out->mutable_secrets() = volume.spec().secrets();
  return out;
}

}  // namespace

bool SameForAgent(const Task& a, const Task& b) {
  return a.desired_state == b.desired_state && a.slot == b.slot &&
         a.has_spec_version == b.has_spec_version && a.spec_version == b.spec_version &&
         a.service_id == b.service_id && a.node_id == b.node_id && Same(a.spec, b.spec) &&
         Same(a.service_annotations, b.service_annotations) && Same(a.endpoint, b.endpoint) &&
         SameExtras(a.extras, b.extras);
}

void AssignmentSet::Load(const Reader& reader) {
  // An unknown index would be a defect of the store; a node without tasks is the safe reading.
  if (auto tasks = reader.FindTasks(By::Node(node_id_)); tasks.ok()) {
    for (const TaskPtr& task : *tasks) OnTask(reader, task);
  }
  if (reader.Count(Table::kVolume) == 0) return;
  if (auto volumes = reader.Find<pb::Volume>(By::All()); volumes.ok()) {
    for (const auto& volume : *volumes) OnVolume(reader, *volume);
  }
}

std::vector<AssignmentSet::Key> AssignmentSet::DependenciesOf(const pb::TaskSpec& spec) {
  std::vector<Key> out;
  for (const auto& reference : spec.resource_references()) {
    if (reference.resource_type() == pb::SECRET)
      out.push_back({Type::kSecret, reference.resource_id()});
    if (reference.resource_type() == pb::CONFIG)
      out.push_back({Type::kConfig, reference.resource_id()});
  }
  for (const auto& secret : spec.container().secrets())
    out.push_back({Type::kSecret, secret.secret_id()});
  for (const auto& config : spec.container().configs())
    out.push_back({Type::kConfig, config.config_id()});
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void AssignmentSet::Hold(const Reader& reader, const std::vector<Key>& keys) {
  for (const Key& key : keys) {
    if (users_[key]++ > 0) continue;
    Item item;
    if (key.type == Type::kSecret) {
      auto secret = reader.Get<pb::Secret>(key.id);
      // Values that a driver makes are not in the store: sending the empty one would start a task
      // with an empty secret.
      if (!secret || secret->spec().has_driver()) continue;
      item.content = std::move(secret);
    } else {
      auto config = reader.Get<pb::Config>(key.id);
      if (!config) continue;
      item.content = std::move(config);
    }
    changes_[key] = std::move(item);
  }
}

void AssignmentSet::Release(const std::vector<Key>& keys) {
  for (const Key& key : keys) {
    auto users = users_.find(key);
    if (users == users_.end() || --users->second > 0) continue;
    users_.erase(users);
    changes_[key] = Item{true, {}};
  }
}

void AssignmentSet::ReleaseTask(Assigned* assigned) {
  if (!assigned->holds) return;
  assigned->holds = false;
  Release(DependenciesOf(*assigned->task->spec));
}

void AssignmentSet::OnTask(const Reader& reader, const TaskPtr& task) {
  if (task->status.state < pb::ASSIGNED) return;
  auto [found, fresh] = tasks_.try_emplace(task->id);
  Assigned& assigned = found->second;
  // The agent makes the states above ASSIGNED itself, so it need not be told of them.
  bool tell = fresh || task->status.state == pb::ASSIGNED || !SameForAgent(*assigned.task, *task);
  if (IsTerminal(task->status.state)) {
    ReleaseTask(&assigned);
  } else if (fresh) {
    assigned.holds = true;
    Hold(reader, DependenciesOf(*task->spec));
  }
  assigned.task = task;
  if (tell) changes_[{Type::kTask, task->id}] = Item{false, task};
}

void AssignmentSet::OnTaskRemoved(const Task& task) {
  auto found = tasks_.find(task.id);
  if (found == tasks_.end()) return;
  ReleaseTask(&found->second);
  tasks_.erase(found);
  changes_[{Type::kTask, task.id}] = Item{true, {}};
}

void AssignmentSet::OnVolume(const Reader& reader, const pb::Volume& volume) {
  const pb::VolumePublishStatus* status = nullptr;
  for (const auto& candidate : volume.publish_status()) {
    if (candidate.node_id() == node_id_) status = &candidate;
  }
  auto known = volumes_.find(volume.id());
  if (!status || status->state() == pb::VolumePublishStatus::PENDING_UNPUBLISH) {
    if (known == volumes_.end()) return;
    Release(known->second.secrets);
    volumes_.erase(known);
    return;
  }
  if (known != volumes_.end() && known->second.state == status->state()) return;
  if (status->state() == pb::VolumePublishStatus::PENDING_PUBLISH) return;
  PublishedVolume& entry = volumes_[volume.id()];
  entry.state = status->state();
  Publish(reader, volume, *status, &entry);
}

void AssignmentSet::Publish(const Reader& reader, const pb::Volume& volume,
                            const pb::VolumePublishStatus& status, PublishedVolume* known) {
  // A restarted agent has forgotten the volume, so its withdrawal carries all of it.
  bool remove = status.state() == pb::VolumePublishStatus::PENDING_NODE_UNPUBLISH;
  if (!remove && known->secrets.empty()) {
    for (const auto& secret : volume.spec().secrets()) {
      known->secrets.push_back({Type::kSecret, secret.secret()});
    }
    std::sort(known->secrets.begin(), known->secrets.end());
    known->secrets.erase(std::unique(known->secrets.begin(), known->secrets.end()),
                         known->secrets.end());
    Hold(reader, known->secrets);
  }
  changes_[{Type::kVolume, volume.id()}] = Item{remove, MakeVolumeAssignment(volume, status)};
}

void AssignmentSet::Fill(const Key& key, Item* item, pb::AssignmentChange* out) {
  out->set_action(item->remove ? pb::AssignmentChange::REMOVE : pb::AssignmentChange::UPDATE);
  pb::Assignment* to = out->mutable_assignment();
  if (auto* task = std::get_if<TaskPtr>(&item->content)) {
    TaskToProto(**task, to->mutable_task());
  } else if (auto* secret = std::get_if<std::shared_ptr<const pb::Secret>>(&item->content)) {
    *to->mutable_secret() = **secret;
  } else if (auto* config = std::get_if<std::shared_ptr<const pb::Config>>(&item->content)) {
    *to->mutable_config() = **config;
  } else if (auto* volume =
                 std::get_if<std::shared_ptr<const pb::VolumeAssignment>>(&item->content)) {
    *to->mutable_volume() = **volume;
  } else if (key.type == Type::kTask) {
    to->mutable_task()->set_id(key.id);
  } else if (key.type == Type::kSecret) {
    to->mutable_secret()->set_id(key.id);
  } else {
    to->mutable_config()->set_id(key.id);
  }
}

void AssignmentSet::TakeChanges(pb::AssignmentsMessage* out) {
  for (auto& [key, item] : changes_) Fill(key, &item, out->add_changes());
  changes_.clear();
}

void AssignmentSet::TakeAllTasks(pb::TasksMessage* out) {
  for (const auto& [id, assigned] : tasks_) TaskToProto(*assigned.task, out->add_tasks());
  changes_.clear();
}

}  // namespace swarm::dispatcher
