#include "host/plan.h"

#include <algorithm>
#include <array>
#include <set>

#include "host/order.h"

namespace swarm::host {
namespace {

// Roles of which a node has one provider.
constexpr std::array<std::string_view, 6> kSingleRoles = {"consensus", "store",      "proxy",
                                                          "identity",  "dispatcher", "agent"};

std::string_view RoleName(std::string_view role) { return role.substr(0, role.find('/')); }

std::string Joined(const std::vector<std::string>& names, std::string_view separator) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += separator;
    out += name;
  }
  return out;
}

class Planner {
 public:
  Planner(const std::vector<ConfiguredPlugin>& plugins,
          const std::vector<const PluginDescriptor*>& available)
      : plugins_(plugins), available_(available) {}

  Plan Make() {
    CollectUnits();
    FindDuplicates();
    FindGaps();
    if (plan_.errors.empty()) OrderScopes();
    return std::move(plan_);
  }

 private:
  void CollectUnits() {
    for (std::size_t i = 0; i < plugins_.size(); ++i) {
      const PluginDescriptor& descriptor = *plugins_[i].descriptor;
      for (std::size_t u = 0; u < descriptor.unit_count; ++u) {
        const UnitDescriptor& unit = descriptor.units[u];
        PlannedUnit planned{i, &plugins_[i], &unit, SplitList(unit.requires_)};
        plan_.of(unit.scope).push_back(planned);
        all_.push_back(std::move(planned));
      }
    }
  }

  void FindDuplicates() {
    for (std::size_t i = 0; i < plugins_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (plugins_[i].name != plugins_[j].name) continue;
        plan_.errors.push_back(PluginLabel(plugins_[i]) + " is named twice; the first time at " +
                               PlaceOf(plugins_[j]));
        duplicated_.insert(i);
        break;
      }
    }
    for (const std::string_view role : kSingleRoles) FindSecondProvider(role);
  }

  void FindSecondProvider(std::string_view role) {
    const PlannedUnit* first = nullptr;
    for (const PlannedUnit& unit : all_) {
      if (RoleName(unit.unit->role) != role || duplicated_.contains(unit.plugin)) continue;
      if (first == nullptr) {
        first = &unit;
        continue;
      }
      if (unit.plugin == first->plugin) continue;  // one plugin with a part in each scope
      plan_.errors.push_back(PluginLabel(*unit.configured) + " provides " + unit.unit->role +
                             ", which plugin " + first->configured->name + " (" +
                             PlaceOf(*first->configured) + ") provides already; a node has one " +
                             std::string(role));
    }
  }

  void FindGaps() {
    for (const PlannedUnit& unit : all_) {
      for (const std::string& role : unit.requirements) {
        const bool provided = std::any_of(all_.begin(), all_.end(), [&](const PlannedUnit& other) {
          return role == other.unit->role && Sees(unit.unit->scope, other.unit->scope);
        });
        if (!provided) plan_.errors.push_back(DescribeGap(unit, role));
      }
    }
  }

  std::string DescribeGap(const PlannedUnit& unit, const std::string& role) const {
    std::string text = PluginLabel(*unit.configured) + " (scope " +
                       std::string(ScopeName(unit.unit->scope)) + ") requires " + role;
    for (const PlannedUnit& other : all_) {
      if (role == other.unit->role) {
        return text + ", which plugin " + other.configured->name + " provides only in scope " +
               std::string(ScopeName(other.unit->scope));
      }
    }
    for (const PlannedUnit& other : all_) {
      if (RoleName(role) == RoleName(other.unit->role)) {
        return text + ", but plugin " + other.configured->name + " provides " + other.unit->role;
      }
    }
    text += ", which no configured plugin provides";
    if (available_.empty()) return text;
    std::vector<std::string> names;
    for (const PluginDescriptor* descriptor : available_) {
      for (std::size_t u = 0; u < descriptor->unit_count; ++u) {
        if (role == descriptor->units[u].role && Sees(unit.unit->scope, descriptor->units[u].scope))
          names.push_back(descriptor->name);
      }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    if (names.empty()) return text + ", nor any plugin in the plugin folders";
    return text + "; available: " + Joined(names, ", ");
  }

  void OrderScopes() {
    for (const Scope scope : {Scope::kNode, Scope::kManager, Scope::kLeader}) {
      std::vector<PlannedUnit>& units = plan_.of(scope);
      const OrderResult result = OrderUnits(units);
      if (!result.cycle.empty()) {
        plan_.errors.push_back("plugins of scope " + std::string(ScopeName(scope)) +
                               " wait for each other in a circle: " + result.cycle);
        continue;
      }
      std::vector<PlannedUnit> ordered;
      for (const std::size_t at : result.order) ordered.push_back(std::move(units[at]));
      units = std::move(ordered);
    }
  }

  static std::string PlaceOf(const ConfiguredPlugin& plugin) {
    return plugin.place.empty() ? "an unknown place" : plugin.place;
  }

  const std::vector<ConfiguredPlugin>& plugins_;
  const std::vector<const PluginDescriptor*>& available_;
  std::vector<PlannedUnit> all_;
  std::set<std::size_t> duplicated_;
  Plan plan_;
};

}  // namespace

std::string_view ScopeName(Scope scope) {
  static constexpr std::array<std::string_view, kScopeCount> kNames = {"node", "manager", "leader",
                                                                       "instance"};
  return kNames[static_cast<std::size_t>(scope)];
}

bool Sees(Scope user, Scope provider) {
  if (provider == Scope::kInstance) return false;  // instances are handed over, not looked up
  if (user == Scope::kInstance) return provider == Scope::kNode;
  return provider <= user;
}

std::vector<std::string> SplitList(const char* list) {
  std::vector<std::string> out;
  if (list == nullptr) return out;
  std::string_view rest(list);
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    std::string_view part = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

std::string PluginLabel(const ConfiguredPlugin& plugin) {
  std::string text = plugin.place.empty() ? "" : plugin.place + ": ";
  return text + "plugin " + plugin.name;
}

Plan MakePlan(const std::vector<ConfiguredPlugin>& plugins,
              const std::vector<const PluginDescriptor*>& available) {
  return Planner(plugins, available).Make();
}

std::vector<std::string> CheckPlugins(const std::vector<ConfiguredPlugin>& plugins,
                                      const std::vector<const PluginDescriptor*>& available) {
  return MakePlan(plugins, available).errors;
}

}  // namespace swarm::host
