#include "template/expand.h"

#include "evaluate.h"

namespace swarm::templates {
namespace {

Status ExpandInPlace(const Context& context, std::string* text) {
  SWARM_ASSIGN_OR_RETURN(*text, Expand(*text, context));
  return {};
}

template <class Map>
Status ExpandValues(const Context& context, Map* map) {
  for (auto& [key, value] : *map) SWARM_RETURN_IF_ERROR(ExpandInPlace(context, &value));
  return {};
}

Status ExpandEnv(const Context& context, pb::ContainerSpec* spec) {
  for (std::string& entry : *spec->mutable_env()) {
    std::size_t equals = entry.find('=');
    if (equals == entry.npos) continue;
    SWARM_ASSIGN_OR_RETURN(std::string value,
                           Expand(std::string_view(entry).substr(equals + 1), context));
    entry.replace(equals + 1, entry.npos, value);
  }
  return {};
}

Status ExpandMount(const Context& context, pb::Mount* mount) {
  SWARM_RETURN_IF_ERROR(ExpandInPlace(context, mount->mutable_source()));
  SWARM_RETURN_IF_ERROR(ExpandInPlace(context, mount->mutable_target()));
  if (!mount->has_volume_options()) return {};
  auto* options = mount->mutable_volume_options();
  SWARM_RETURN_IF_ERROR(ExpandValues(context, options->mutable_labels()));
  if (!options->has_driver_config()) return {};
  return ExpandValues(context, options->mutable_driver_config()->mutable_options());
}

Status ExpandMounts(const Context& context, pb::ContainerSpec* spec) {
  for (pb::Mount& mount : *spec->mutable_mounts()) {
    SWARM_RETURN_IF_ERROR(ExpandMount(context, &mount));
  }
  return {};
}

std::string TaskNameOf(const pb::Task& task, const std::string& slot) {
  if (!task.annotations().name().empty()) return task.annotations().name();
  return task.service_annotations().name() + "." + slot + "." + task.id();
}

}  // namespace

Result<std::string> Expand(std::string_view text, const Context& context) {
  if (text.find("{{") == text.npos) return std::string(text);
  SWARM_ASSIGN_OR_RETURN(std::vector<Node> nodes, Parse(text));
  return Evaluator(text, context).Run(nodes);
}

Context ContextOf(const pb::Task& task, const pb::NodeDescription* description) {
  Context out;
  const pb::Annotations& annotations = task.service_annotations();
  out.service.id = task.service_id();
  out.service.name = annotations.name();
  out.service.labels.insert(annotations.labels().begin(), annotations.labels().end());
  out.node.id = task.node_id();
  if (description) {
    out.node.hostname = description->hostname();
    out.node.architecture = description->platform().architecture();
    out.node.os = description->platform().os();
  }
  out.task.id = task.id();
  out.task.slot = task.slot() != 0 ? std::to_string(task.slot()) : task.node_id();
  out.task.name = TaskNameOf(task, out.task.slot);
  return out;
}

Status ExpandContainer(const Context& context, pb::ContainerSpec* spec) {
  SWARM_RETURN_IF_ERROR(ExpandEnv(context, spec).WithContext("expanding env failed"));
  SWARM_RETURN_IF_ERROR(ExpandMounts(context, spec).WithContext("expanding mounts failed"));
  return ExpandInPlace(context, spec->mutable_hostname()).WithContext("expanding hostname failed");
}

}  // namespace swarm::templates
