// The schema of everything in the file that is not a plugin's.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "config/check.h"
#include "config/config.h"

namespace swarm::config {

// A map of the file with values of its own; `path` is dotted: "listen.control".
struct CoreSection {
  std::string_view path;
  std::string_view help;
  Schema schema;
};

// In the order of the printed file; a section comes before those inside it.
SWARM_EXPORT std::span<const CoreSection> CoreSections();
// Keys of the sections below `path` ("" for the top): "control" for "listen".
std::vector<std::string> SubsectionsOf(std::string_view path);

// plugins.path, the one key of `plugins` that is not a section.
const SettingDescriptor& PluginPathSetting();

// A section of `plugins`.
struct PluginSection {
  std::string_view key;
  std::string_view help;
  // A plugin here provides one of these roles, comma separated; "" for any.
  const char* roles;
  bool list = false;
};
std::span<const PluginSection> PluginSections();

// "executor-sim" for `use: sim` of an executor.
std::string PluginName(std::string_view section, std::string_view use);

// Moves checked values to where they belong, and checks what no type can.
void FillCore(const Node& root, NodeConfig& config, Errors& errors);

}  // namespace swarm::config
