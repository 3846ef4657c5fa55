#include "describe.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "json_read.h"

namespace swarm::executor_docker {
namespace {

using nlohmann::json;

// Only a manager of a swarm can make overlay networks for containers that are not its own tasks.
bool CanServeOverlay(const json& info) {
  const json& swarm = At(info, "Swarm");
  return Text(At(swarm, "LocalNodeState")) == "active" && Flag(At(swarm, "ControlAvailable"));
}

// Sorted: type, then name. A set, since an engine may list one twice.
using Plugins = std::set<std::pair<std::string, std::string>>;

void AddBuiltIn(const json& info, Plugins* out) {
  for (const char* type : {"Volume", "Network", "Authorization", "Log"}) {
    const json& names = At(At(info, "Plugins"), type);
    if (!names.is_array()) continue;
    for (const json& name : names) {
      if (!name.is_string()) continue;
      if (Text(name) == "overlay" && !CanServeOverlay(info)) continue;
      out->emplace(type, Text(name));
    }
  }
}

// "docker.volumedriver/1.0" is of type Volume.
std::string TypeOf(std::string_view interface) {
  constexpr std::string_view kPrefix = "docker.";
  if (!interface.starts_with(kPrefix)) return "";
  interface.remove_prefix(kPrefix.size());
  interface = interface.substr(0, interface.find('/'));
  if (interface == "volumedriver") return "Volume";
  if (interface == "networkdriver") return "Network";
  if (interface == "logdriver") return "Log";
  return std::string(interface);
}

std::string InterfaceOf(const json& type) {
  if (type.is_string()) return Text(type);
  // Some versions of the API take it apart.
  return Text(At(type, "Prefix")) + "." + Text(At(type, "Capability")) + "/" +
         Text(At(type, "Version"));
}

void AddManaged(const json& plugins, Plugins* out) {
  if (!plugins.is_array()) return;
  for (const json& plugin : plugins) {
    if (!Flag(At(plugin, "Enabled"))) continue;
    const json& types = At(At(At(plugin, "Config"), "Interface"), "Types");
    if (!types.is_array()) continue;
    for (const json& type : types) {
      const std::string word = TypeOf(InterfaceOf(type));
      if (!word.empty()) out->emplace(word, Text(At(plugin, "Name")));
    }
  }
}

void AddLabels(const json& info, pb::EngineDescription* out) {
  const json& labels = At(info, "Labels");
  if (!labels.is_array()) return;
  for (const json& label : labels) {
    const std::string text = Text(label);
    const auto equals = text.find('=');
    if (equals == text.npos) continue;
    (*out->mutable_labels())[text.substr(0, equals)] = text.substr(equals + 1);
  }
}

void AddGeneric(const json& info, pb::Resources* out) {
  const json& resources = At(info, "GenericResources");
  if (!resources.is_array()) return;
  for (const json& resource : resources) {
    if (const json& named = At(resource, "NamedResourceSpec"); named.is_object()) {
      auto* spec = out->add_generic()->mutable_named_resource_spec();
      spec->set_kind(Text(At(named, "Kind")));
      spec->set_value(Text(At(named, "Value")));
    } else if (const json& count = At(resource, "DiscreteResourceSpec"); count.is_object()) {
      auto* spec = out->add_generic()->mutable_discrete_resource_spec();
      spec->set_kind(Text(At(count, "Kind")));
      spec->set_value(Number(At(count, "Value")));
    }
  }
}

}  // namespace

pb::NodeDescription DescriptionOf(const json& info, const json& plugins) {
  pb::NodeDescription out;
  out.set_hostname(Text(At(info, "Name")));
  out.mutable_platform()->set_architecture(Text(At(info, "Architecture")));
  out.mutable_platform()->set_os(Text(At(info, "OSType")));
  constexpr std::int64_t kMostCpus = 1'000'000;
  const std::int64_t cpus = std::clamp<std::int64_t>(Number(At(info, "NCPU")), 0, kMostCpus);
  out.mutable_resources()->set_nano_cpus(cpus * 1'000'000'000);
  out.mutable_resources()->set_memory_bytes(Number(At(info, "MemTotal")));
  AddGeneric(info, out.mutable_resources());
  out.mutable_engine()->set_engine_version(Text(At(info, "ServerVersion")));
  AddLabels(info, out.mutable_engine());
  Plugins all;
  AddBuiltIn(info, &all);
  AddManaged(plugins, &all);
  for (const auto& [type, name] : all) {
    auto* plugin = out.mutable_engine()->add_plugins();
    plugin->set_type(type);
    plugin->set_name(name);
  }
  return out;
}

}  // namespace swarm::executor_docker
