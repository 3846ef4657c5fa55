// Which units a set of plugins brings into each scope, and in which order they start; everything
// that is found wrong before anything is created.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "host/host.h"

#include "swarm/export.h"

namespace swarm::host {

inline constexpr std::size_t kScopeCount = 4;

// "node", "manager", "leader", "instance".
std::string_view ScopeName(Scope scope);
// Whether units of scope `user` may use roles provided in scope `provider`.
bool Sees(Scope user, Scope provider);
// The parts of a comma separated list, without blanks and empty parts.
std::vector<std::string> SplitList(const char* list);
// "plugin store" with its place in front, where it has one: "swarmd.yaml:12:5: plugin store".
std::string PluginLabel(const ConfiguredPlugin& plugin);

struct PlannedUnit {
  std::size_t plugin;  // position in the configuration
  const ConfiguredPlugin* configured;
  const UnitDescriptor* unit;
  std::vector<std::string> requirements;
};

// Points into the plugins it was made of.
struct Plan {
  // By scope; the first three in start order, instance-scope units in order of configuration.
  std::array<std::vector<PlannedUnit>, kScopeCount> units;
  std::vector<std::string> errors;

  std::vector<PlannedUnit>& of(Scope scope) { return units[static_cast<std::size_t>(scope)]; }
  const std::vector<PlannedUnit>& of(Scope scope) const {
    return units[static_cast<std::size_t>(scope)];
  }
};

SWARM_EXPORT Plan MakePlan(const std::vector<ConfiguredPlugin>& plugins,
                           const std::vector<const PluginDescriptor*>& available);

}  // namespace swarm::host
