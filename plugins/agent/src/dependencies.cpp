#include "dependencies.h"

#include <algorithm>
#include <utility>

#include "template/expand.h"

namespace swarm::agent {
namespace {

bool Contains(const std::vector<std::string>& list, std::string_view id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

Status NotAuthorized(const char* kind, std::string_view id) {
  return {Code::kPermissionDenied,
          std::string("task not authorized to access ") + kind + " " + std::string(id)};
}

Status NotFound(const char* kind, std::string_view id) {
  return {Code::kNotFound, std::string(kind) + " " + std::string(id) + " not found"};
}

}  // namespace

void DependencyStore::Apply(const pb::AssignmentsMessage& message, bool complete) {
  Map<pb::Secret> secrets;
  Map<pb::Config> configs;
  std::vector<std::string> gone_secrets;
  std::vector<std::string> gone_configs;
  for (const auto& change : message.changes()) {
    const auto& item = change.assignment();
    bool remove = change.action() == pb::AssignmentChange::REMOVE;
    if (item.has_secret()) {
      const std::string& id = item.secret().id();
      if (remove)
        gone_secrets.push_back(id);
      else
        secrets[id] = std::make_shared<const pb::Secret>(item.secret());
    } else if (item.has_config()) {
      const std::string& id = item.config().id();
      if (remove)
        gone_configs.push_back(id);
      else
        configs[id] = std::make_shared<const pb::Config>(item.config());
    }
  }
  std::lock_guard lock(mutex_);
  if (complete) {
    secrets_.swap(secrets);
    configs_.swap(configs);
    return;
  }
  for (const std::string& id : gone_secrets) secrets_.erase(id);
  for (const std::string& id : gone_configs) configs_.erase(id);
  for (auto& [id, secret] : secrets) secrets_[id] = std::move(secret);
  for (auto& [id, config] : configs) configs_[id] = std::move(config);
}

std::shared_ptr<const pb::Secret> DependencyStore::Secret(std::string_view id) const {
  std::lock_guard lock(mutex_);
  auto found = secrets_.find(id);
  return found == secrets_.end() ? nullptr : found->second;
}

std::shared_ptr<const pb::Config> DependencyStore::Config(std::string_view id) const {
  std::lock_guard lock(mutex_);
  auto found = configs_.find(id);
  return found == configs_.end() ? nullptr : found->second;
}

TaskDependencies::TaskDependencies(std::shared_ptr<const DependencyStore> store,
                                   const pb::Task& task, std::shared_ptr<const std::string> data,
                                   std::shared_ptr<const pb::NodeDescription> node)
    : store_(std::move(store)),
      task_id_(task.id()),
      data_(std::move(data)),
      node_(std::move(node)) {
  for (const auto& s : task.spec().container().secrets()) secrets_.push_back(s.secret_id());
  for (const auto& c : task.spec().container().configs()) configs_.push_back(c.config_id());
}

Result<std::shared_ptr<const pb::Secret>> TaskDependencies::RawSecret(std::string_view id) const {
  if (!Contains(secrets_, id)) return NotAuthorized("secret", id);
  // A manager may send a value made for this task alone, under a combined id.
  if (auto own = store_->Secret(std::string(id) + "." + task_id_)) {
    auto copy = std::make_shared<pb::Secret>(*own);
    copy->set_id(std::string(id));
    return std::shared_ptr<const pb::Secret>(std::move(copy));
  }
  if (auto shared = store_->Secret(id)) return shared;
  return NotFound("secret", id);
}

Result<std::shared_ptr<const pb::Config>> TaskDependencies::RawConfig(std::string_view id) const {
  if (!Contains(configs_, id)) return NotAuthorized("config", id);
  if (auto found = store_->Config(id)) return found;
  return NotFound("config", id);
}

Result<std::shared_ptr<const pb::Secret>> TaskDependencies::Secret(
    std::string_view id) const noexcept {
  SWARM_ASSIGN_OR_RETURN(auto raw, RawSecret(id));
  if (!raw->spec().has_templating()) return raw;
  auto expanded = Expand(raw->spec().templating(), raw->spec().data());
  if (!expanded.ok()) {
    return expanded.status().WithContext("failed to expand templated secret " + std::string(id));
  }
  auto copy = std::make_shared<pb::Secret>(*raw);
  copy->mutable_spec()->set_data(std::move(*expanded));
  return std::shared_ptr<const pb::Secret>(std::move(copy));
}

Result<std::shared_ptr<const pb::Config>> TaskDependencies::Config(
    std::string_view id) const noexcept {
  SWARM_ASSIGN_OR_RETURN(auto raw, RawConfig(id));
  if (!raw->spec().has_templating()) return raw;
  auto expanded = Expand(raw->spec().templating(), raw->spec().data());
  if (!expanded.ok()) {
    return expanded.status().WithContext("failed to expand templated config " + std::string(id));
  }
  auto copy = std::make_shared<pb::Config>(*raw);
  copy->mutable_spec()->set_data(std::move(*expanded));
  return std::shared_ptr<const pb::Config>(std::move(copy));
}

Result<std::string> TaskDependencies::Expand(const pb::Driver& templating,
                                             const std::string& payload) const {
  if (templating.name() != "golang") {
    return Status(Code::kInvalidArgument, "unrecognized template type");
  }
  pb::Task task;
  if (!task.ParseFromString(*data_)) return Status(Code::kInternal, "the task cannot be read");
  const pb::ContainerSpec& container = task.spec().container();
  templates::Context context = templates::ContextOf(task, node_.get());
  context.secret = [&](std::string_view name) -> Result<std::string> {
    for (const auto& reference : container.secrets()) {
      if (!reference.has_file() || reference.file().name() != name) continue;
      SWARM_ASSIGN_OR_RETURN(auto found, RawSecret(reference.secret_id()));
      return found->spec().data();
    }
    return Status(Code::kNotFound, "secret target " + std::string(name) + " not found");
  };
  context.config = [&](std::string_view name) -> Result<std::string> {
    for (const auto& reference : container.configs()) {
      if (!reference.has_file() || reference.file().name() != name) continue;
      SWARM_ASSIGN_OR_RETURN(auto found, RawConfig(reference.config_id()));
      return found->spec().data();
    }
    return Status(Code::kNotFound, "config target " + std::string(name) + " not found");
  };
  context.env = [&](std::string_view name) -> Result<std::string> {
    for (const std::string& entry : container.env()) {
      std::size_t equals = entry.find('=');
      if (std::string_view(entry).substr(0, equals) != name) continue;
      return equals == entry.npos ? std::string() : entry.substr(equals + 1);
    }
    return std::string();
  };
  return templates::Expand(payload, context);
}

}  // namespace swarm::agent
