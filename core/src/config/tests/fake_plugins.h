// Descriptors of plugins that do nothing, one for each name of the built-in configuration.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "swarm/plugin.h"

namespace swarm::config {

class FakePlugins {
 public:
  FakePlugins() {
    Add("standalone", "consensus/1", {});
    Add("raft", "consensus/1", kRaft);
    Add("store", "store/1", {});
    Add("proxy-direct", "proxy/1", {});
    Add("dispatcher", "dispatcher/1", {});
    Add("ca", "identity/1", {});
    Add("agent", "agent/1", {});
    Add("executor-process", "executor/1", {});
    Add("executor-sim", "executor/1", kSim);
    Add("controlapi", "control/1", {});
    Add("orchestrator", "component/1", {});
    Add("scheduler", "component/1", kScheduler);
    Add("allocator", "component/1", {});
    Add("keymanager", "component/1", {});
    Add("rolemanager", "component/1", {});
    Add("gossip", "component/1", {});
    Add("logbroker", "component/1", {});
    Add("vault", "component/1", kVault);
  }

  FindPlugin find() {
    return [this](std::string_view name,
                  const std::vector<std::string>&) -> Result<const PluginDescriptor*> {
      for (const PluginDescriptor& descriptor : descriptors_) {
        if (descriptor.name == name) return &descriptor;
      }
      return Status(Code::kNotFound, "no plugin " + std::string(name));
    };
  }

  std::vector<const PluginDescriptor*> all() const {
    std::vector<const PluginDescriptor*> out;
    for (const PluginDescriptor& descriptor : descriptors_) out.push_back(&descriptor);
    return out;
  }

 private:
  static constexpr SettingDescriptor kRaft[] = {
      {"election_timeout", SettingType::kDuration, "1s", "Longest silence of a leader.", 50'000'000,
       60'000'000'000},
      {"heartbeat_interval", SettingType::kDuration, "100ms", "How often a leader is heard."},
      {"segment_bytes", SettingType::kBytes, "64MiB", "Size of a file of the log.", 65536,
       std::int64_t{1} << 30},
  };
  static constexpr SettingDescriptor kSim[] = {
      {"cpus", SettingType::kInteger, "4", "Processors the node offers.", 1, 1024},
      {"labels", SettingType::kStringMap, "{}", "Engine labels."},
  };
  static constexpr SettingDescriptor kScheduler[] = {
      {"strategy", SettingType::kChoice, "spread", "How nodes are preferred.", 0, 0,
       "spread,binpack", false, true},
      {"max_per_node", SettingType::kInteger, "0", "Most tasks on a node; 0: any number."},
      {"filters", SettingType::kStringList, "[ready, resources]", "Filters, in order."},
      {"dry_run", SettingType::kBool, "false", "Decide and do nothing."},
  };
  static constexpr SettingDescriptor kVault[] = {
      {"address", SettingType::kString, nullptr, "Where the vault is."},
      {"pin", SettingType::kInteger, "0", "Its number.", 0, 9999, "", true},
  };
  static constexpr UnitDescriptor Unit(const char* role) {
    return {role, Scope::kManager, "", "", nullptr};
  }

  void Add(const char* name, const char* role, std::span<const SettingDescriptor> settings) {
    units_.push_back(Unit(role));
    descriptors_.push_back({SWARM_PLUGIN_HEADER, name, "1.0.0", "Stands in for a real one",
                            Maturity::kStable, settings.data(), settings.size(), &units_.back(),
                            1});
  }

  std::deque<UnitDescriptor> units_;
  std::deque<PluginDescriptor> descriptors_;
};

}  // namespace swarm::config
