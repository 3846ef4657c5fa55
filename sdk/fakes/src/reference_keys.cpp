#include "reference_keys.h"

#include <algorithm>
#include <cctype>

namespace swarm::fakes {
namespace {

using google::protobuf::Message;

bool IsTopLevelAnnotated(Table table) {
  return table == Table::kResource || table == Table::kExtension;
}

const pb::Annotations& AnnotationsOf(Table table, const Message& message) {
  if (table == Table::kTask) return static_cast<const pb::Task&>(message).annotations();
  const Message& third = Child(message, 3);
  return static_cast<const pb::Annotations&>(IsTopLevelAnnotated(table) ? third : Child(third, 1));
}

const pb::TaskSpec& SpecOf(Table table, const Message& message) {
  return table == Table::kTask ? static_cast<const pb::Task&>(message).spec()
                               : static_cast<const pb::Service&>(message).spec().task();
}

// The service's own list is deprecated and counts only when the tasks' is empty.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
const auto& OldNetworks(const Message& service) {
  return static_cast<const pb::Service&>(service).spec().networks();
}
#pragma GCC diagnostic pop

std::vector<std::string> NetworkKeys(Table table, const Message& message) {
  std::vector<std::string> keys;
  for (const auto& n : SpecOf(table, message).networks()) keys.push_back(n.target());
  if (!keys.empty() || table == Table::kTask) return keys;
  for (const auto& n : OldNetworks(message)) keys.push_back(n.target());
  return keys;
}

std::vector<std::string> CustomKeys(Table table, const Message& message) {
  std::vector<std::string> keys;
  for (const auto& entry : AnnotationsOf(table, message).indices()) {
    keys.push_back(entry.key() + "|" + entry.val());
  }
  return keys;
}

std::vector<std::string> SpecKeys(Table table, const Message& message, By::Kind kind) {
  const pb::TaskSpec& spec = SpecOf(table, message);
  std::vector<std::string> keys;
  if (kind == By::Kind::kRuntime) {
    if (spec.runtime_case() != pb::TaskSpec::RUNTIME_NOT_SET) keys.push_back(RuntimeName(spec));
  } else if (kind == By::Kind::kReferencedNetwork) {
    return NetworkKeys(table, message);
  } else if (kind == By::Kind::kReferencedSecret) {
    for (const auto& s : spec.container().secrets()) keys.push_back(s.secret_id());
  } else {
    for (const auto& c : spec.container().configs()) keys.push_back(c.config_id());
  }
  return keys;
}

std::vector<std::string> TaskKeys(const pb::Task& task, By::Kind kind) {
  switch (kind) {
    case By::Kind::kNode:
      return {task.node_id()};
    case By::Kind::kService:
      return {task.service_id()};
    case By::Kind::kSlot:
      return {task.service_id() + std::string(1, '\0') + std::to_string(task.slot())};
    case By::Kind::kDesiredState:
      return {std::to_string(task.desired_state())};
    case By::Kind::kTaskState:
      return {std::to_string(task.status().state())};
    default:
      break;
  }
  std::vector<std::string> keys;
  for (const auto& v : task.volumes()) keys.push_back(v.id());
  return keys;
}

}  // namespace

const Message& Child(const Message& message, int number) {
  return message.GetReflection()->GetMessage(message,
                                             message.GetDescriptor()->FindFieldByNumber(number));
}

MessagePtr AsMessage(Table table, const Object& object) {
  if (table != Table::kTask) return object.message;
  return std::make_shared<const pb::Task>(TaskToProto(*object.task));
}

std::string LowerCase(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::optional<std::string> NameKey(Table table, const Object& object) {
  if (table == Table::kTask) return LowerCase(TaskName(*object.task));
  if (table == Table::kNode) {
    const auto& node = static_cast<const pb::Node&>(*object.message);
    if (!node.has_description()) return std::nullopt;
    return LowerCase(node.description().hostname());
  }
  return LowerCase(AnnotationsOf(table, *object.message).name());
}

bool HasIndex(Table table, By::Kind kind) {
  switch (kind) {
    case By::Kind::kAll:
    case By::Kind::kOr:
    case By::Kind::kName:
    case By::Kind::kIdPrefix:
    case By::Kind::kCustom:
    case By::Kind::kCustomPrefix:
      return true;
    case By::Kind::kNamePrefix:
      return table != Table::kExtension;
    case By::Kind::kRuntime:
    case By::Kind::kReferencedNetwork:
    case By::Kind::kReferencedSecret:
    case By::Kind::kReferencedConfig:
      return table == Table::kTask || table == Table::kService;
    case By::Kind::kNode:
    case By::Kind::kService:
    case By::Kind::kSlot:
    case By::Kind::kDesiredState:
    case By::Kind::kTaskState:
    case By::Kind::kVolumeAttachment:
      return table == Table::kTask;
    case By::Kind::kRole:
    case By::Kind::kMembership:
      return table == Table::kNode;
    case By::Kind::kKind:
      return table == Table::kResource;
    case By::Kind::kVolumeGroup:
    case By::Kind::kDriver:
      return table == Table::kVolume;
  }
  return false;
}

std::optional<std::vector<std::string>> Keys(Table table, const Object& object, By::Kind kind) {
  if (!HasIndex(table, kind)) return std::nullopt;
  if (kind == By::Kind::kAll || kind == By::Kind::kIdPrefix) return std::vector{IdOf(object)};
  if (kind == By::Kind::kName || kind == By::Kind::kNamePrefix) {
    const auto name = NameKey(table, object);
    return name ? std::vector{*name} : std::vector<std::string>{};
  }
  const MessagePtr message = AsMessage(table, object);
  switch (kind) {
    case By::Kind::kCustom:
    case By::Kind::kCustomPrefix:
      return CustomKeys(table, *message);
    case By::Kind::kRole:
      return std::vector{std::to_string(static_cast<const pb::Node&>(*message).role())};
    case By::Kind::kMembership:
      return std::vector{
          std::to_string(static_cast<const pb::Node&>(*message).spec().membership())};
    case By::Kind::kKind:
      return std::vector{static_cast<const pb::Resource&>(*message).kind()};
    case By::Kind::kVolumeGroup:
      return std::vector{static_cast<const pb::Volume&>(*message).spec().group()};
    case By::Kind::kDriver:
      return std::vector{static_cast<const pb::Volume&>(*message).spec().driver().name()};
    case By::Kind::kRuntime:
    case By::Kind::kReferencedNetwork:
    case By::Kind::kReferencedSecret:
    case By::Kind::kReferencedConfig:
      return SpecKeys(table, *message, kind);
    default:
      return TaskKeys(static_cast<const pb::Task&>(*message), kind);
  }
}

}  // namespace swarm::fakes
