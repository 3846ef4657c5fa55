#include "host/descriptor.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace swarm::host {
namespace {

Status Refused(std::string text) { return {Code::kFailedPrecondition, std::move(text)}; }

std::string Hex(std::uint32_t value) {
  char out[11];
  std::snprintf(out, sizeof out, "0x%08x", value);
  return out;
}

// "compiler=gcc12 cxx=202002L" as a map.
std::map<std::string, std::string> Parts(std::string_view fingerprint) {
  std::map<std::string, std::string> out;
  while (!fingerprint.empty()) {
    const std::size_t blank = fingerprint.find(' ');
    const std::string_view part = fingerprint.substr(0, blank);
    const std::size_t equals = std::min(part.find('='), part.size());
    out[std::string(part.substr(0, equals))] = part.substr(std::min(equals + 1, part.size()));
    fingerprint = blank == std::string_view::npos ? "" : fingerprint.substr(blank + 1);
  }
  return out;
}

std::string Or(const std::string& value, const char* otherwise) {
  return value.empty() ? otherwise : value;
}

// "protobuf 3020003 where the core has 3021012".
std::string DifferingParts(const char* plugin, const char* core) {
  auto theirs = Parts(plugin);
  auto ours = Parts(core);
  for (const auto& [key, value] : ours) theirs.try_emplace(key);
  std::string out;
  for (const auto& [key, value] : theirs) {
    if (value == ours[key]) continue;
    if (!out.empty()) out += ", ";
    out += key + " " + Or(value, "unknown") + " where the core has " + Or(ours[key], "none");
  }
  return out;
}

Status CheckUnits(const PluginDescriptor& d) {
  if (d.units == nullptr || d.unit_count == 0) return Refused("it provides nothing: no units");
  for (std::size_t i = 0; i < d.unit_count; ++i) {
    const UnitDescriptor& unit = d.units[i];
    const std::string which = "unit " + std::to_string(i) + " of its descriptor ";
    if (unit.role == nullptr || std::string_view(unit.role).find('/') == std::string_view::npos)
      return Refused(which + "has no role such as \"store/1\"");
    if (unit.scope > Scope::kInstance) return Refused(which + "has no valid scope");
    if (unit.create == nullptr) return Refused(which + "has no factory");
  }
  return Status::Ok();
}

Status CheckSchema(const PluginDescriptor& d) {
  if (d.setting_count > 0 && d.settings == nullptr) return Refused("its settings are missing");
  for (std::size_t i = 0; i < d.setting_count; ++i) {
    const SettingDescriptor& setting = d.settings[i];
    if (setting.key == nullptr || *setting.key == '\0' || setting.help == nullptr)
      return Refused("setting " + std::to_string(i) + " of its descriptor lacks key or help");
    for (std::size_t j = 0; j < i; ++j) {
      if (std::string_view(d.settings[j].key) == setting.key)
        return Refused("its setting " + std::string(setting.key) + " is described twice");
    }
  }
  return Status::Ok();
}

}  // namespace

std::string PluginId(std::string_view name) {
  std::string id(name);
  std::replace(id.begin(), id.end(), '-', '_');
  return id;
}

bool IsPluginName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Status CheckDescriptor(const PluginDescriptor& d) {
  if (d.magic != kPluginMagic) {
    return Refused("its descriptor begins with " + Hex(d.magic) + " instead of " +
                   Hex(kPluginMagic) + "; it is not a plugin of this program");
  }
  if (d.abi != kAbiVersion) {
    return Refused("it was built for plugin ABI " + std::to_string(d.abi) + ", the core has ABI " +
                   std::to_string(kAbiVersion) + "; build it against this version's SDK");
  }
  if (d.struct_size < sizeof(PluginDescriptor)) {
    return Refused("its descriptor has " + std::to_string(d.struct_size) + " bytes, ABI " +
                   std::to_string(kAbiVersion) + " needs " +
                   std::to_string(sizeof(PluginDescriptor)));
  }
  if (d.fingerprint == nullptr) return Refused("its descriptor has no fingerprint");
  if (std::string_view(d.fingerprint) != kFingerprint) {
    return Refused("it was built with " + DifferingParts(d.fingerprint, kFingerprint) +
                   " (plugin: \"" + d.fingerprint + "\"; core: \"" + kFingerprint + "\")");
  }
  if (d.name == nullptr || !IsPluginName(d.name))
    return Refused("its descriptor has no name of lower-case letters, digits and '-'");
  if (d.version == nullptr || d.summary == nullptr)
    return Refused("its descriptor lacks version or summary");
  SWARM_RETURN_IF_ERROR(CheckUnits(d));
  return CheckSchema(d);
}

}  // namespace swarm::host
