// What must hold of a descriptor before the core trusts it.
#pragma once

#include <string>
#include <string_view>

#include "swarm/plugin.h"
#include "swarm/status.h"

namespace swarm::host {

// "proxy_direct" for "proxy-direct".
std::string PluginId(std::string_view name);
// Lower-case letters, digits and `-`.
bool IsPluginName(std::string_view name);

// Reads only as far as what came before it allows: magic, size, ABI, fingerprint, then the rest.
Status CheckDescriptor(const PluginDescriptor& descriptor);

}  // namespace swarm::host
