// `swarmd plugins`, `swarmd config default`, `swarmd config check`: nothing is started.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "host/registry.h"

namespace swarm::daemon {

int ListPlugins(host::PluginRegistry& registry, const std::vector<std::string>& path,
                const config::NodeConfig& config);
int PrintDefaultConfig(host::PluginRegistry& registry, const std::vector<std::string>& path);

}  // namespace swarm::daemon
