#include "index.h"

#include <algorithm>

namespace swarm::store {
namespace {

constexpr IndexId kPlain[] = {IndexId::kCustom};
constexpr IndexId kNodeIndices[] = {IndexId::kCustom, IndexId::kRole, IndexId::kMembership};
constexpr IndexId kResourceIndices[] = {IndexId::kCustom, IndexId::kKind};
constexpr IndexId kServiceIndices[] = {IndexId::kCustom, IndexId::kRuntime, IndexId::kNetwork,
                                       IndexId::kSecret, IndexId::kConfig};
constexpr IndexId kTaskIndices[] = {IndexId::kCustom,
                                    IndexId::kRuntime,
                                    IndexId::kNetwork,
                                    IndexId::kSecret,
                                    IndexId::kConfig,
                                    IndexId::kService,
                                    IndexId::kNode,
                                    IndexId::kSlot,
                                    IndexId::kDesiredState,
                                    IndexId::kTaskState,
                                    IndexId::kVolumeAttachment};
constexpr IndexId kVolumeIndices[] = {IndexId::kCustom, IndexId::kVolumeGroup, IndexId::kDriver};

const pb::TaskSpec& SpecOf(Table table, const void* object) {
  if (table == Table::kService) return As<pb::Service>(object).spec().task();
  const Task& task = AsTask(object);
  return task.spec ? *task.spec : pb::TaskSpec::default_instance();
}

// The service's own list is deprecated and counts only when the tasks' is empty.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
const auto& OldNetworks(const void* service) { return As<pb::Service>(service).spec().networks(); }
#pragma GCC diagnostic pop

void AddNetworks(Table table, const void* object, std::vector<std::string>& out) {
  const auto& networks = SpecOf(table, object).networks();
  for (const auto& n : networks) out.push_back(n.target());
  if (table != Table::kService || !networks.empty()) return;
  for (const auto& n : OldNetworks(object)) out.push_back(n.target());
}

void AddSpecValues(Table table, IndexId index, const void* object, std::vector<std::string>& out) {
  const pb::TaskSpec& spec = SpecOf(table, object);
  if (index == IndexId::kRuntime) {
    if (spec.runtime_case() != pb::TaskSpec::RUNTIME_NOT_SET) out.push_back(RuntimeName(spec));
  } else if (index == IndexId::kSecret) {
    for (const auto& s : spec.container().secrets()) out.push_back(s.secret_id());
  } else {
    for (const auto& c : spec.container().configs()) out.push_back(c.config_id());
  }
}

void AddCustom(Table table, const void* object, std::vector<std::string>& out) {
  for (const auto& entry : AnnotationsOf(table, object).indices()) {
    out.push_back(entry.key() + "|" + entry.val());
  }
}

void AddVolumes(const Task& task, std::vector<std::string>& out) {
  if (!task.extras) return;
  for (const auto& volume : task.extras->volumes) out.push_back(volume.id());
}

}  // namespace

std::span<const IndexId> IndicesOf(Table table) {
  switch (table) {
    case Table::kNode:
      return kNodeIndices;
    case Table::kResource:
      return kResourceIndices;
    case Table::kService:
      return kServiceIndices;
    case Table::kTask:
      return kTaskIndices;
    case Table::kVolume:
      return kVolumeIndices;
    default:
      return kPlain;
  }
}

int PositionOf(Table table, IndexId index) {
  const auto indices = IndicesOf(table);
  const auto found = std::ranges::find(indices, index);
  return found == indices.end() ? -1 : static_cast<int>(found - indices.begin());
}

std::vector<std::string> ValuesOf(Table table, IndexId index, const void* object) {
  std::vector<std::string> out;
  switch (index) {
    case IndexId::kCustom:
      AddCustom(table, object, out);
      break;
    case IndexId::kNetwork:
      AddNetworks(table, object, out);
      break;
    case IndexId::kRuntime:
    case IndexId::kSecret:
    case IndexId::kConfig:
      AddSpecValues(table, index, object, out);
      break;
    case IndexId::kService:
    case IndexId::kSlot:
      return {AsTask(object).service_id};
    case IndexId::kNode:
      return {AsTask(object).node_id};
    case IndexId::kDesiredState:
      return {std::to_string(AsTask(object).desired_state)};
    case IndexId::kTaskState:
      return {std::to_string(AsTask(object).status.state)};
    case IndexId::kVolumeAttachment:
      AddVolumes(AsTask(object), out);
      break;
    case IndexId::kRole:
      return {std::to_string(As<pb::Node>(object).role())};
    case IndexId::kMembership:
      return {std::to_string(As<pb::Node>(object).spec().membership())};
    case IndexId::kKind:
      return {As<pb::Resource>(object).kind()};
    case IndexId::kVolumeGroup:
      return {As<pb::Volume>(object).spec().group()};
    case IndexId::kDriver:
      return {As<pb::Volume>(object).spec().driver().name()};
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

bool MayDiffer(Table table, IndexId index, const void* before, const void* after) {
  if (table != Table::kTask) return true;
  const Task& a = AsTask(before);
  const Task& b = AsTask(after);
  switch (index) {
    case IndexId::kRuntime:
    case IndexId::kNetwork:
    case IndexId::kSecret:
    case IndexId::kConfig:
      return a.spec != b.spec;
    case IndexId::kCustom:
    case IndexId::kVolumeAttachment:
      return a.extras != b.extras;
    case IndexId::kService:
    case IndexId::kSlot:
      return a.service_id != b.service_id;
    case IndexId::kNode:
      return a.node_id != b.node_id;
    case IndexId::kDesiredState:
      return a.desired_state != b.desired_state;
    case IndexId::kTaskState:
      return a.status.state != b.status.state;
    default:
      return true;
  }
}

}  // namespace swarm::store
