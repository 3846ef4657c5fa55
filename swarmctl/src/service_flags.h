// The flags of `service create` and `service update`, and what they make of a service's spec. A
// flag that is not given changes nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client.h"
#include "flags.h"
#include "swarm/status.h"

namespace swarm::ctl {

enum class ServiceVerb : unsigned char { kCreate, kUpdate };

std::vector<FlagSpec> ServiceFlags(ServiceVerb verb);
Status ApplyServiceFlags(const Flags& flags, Client& client, pb::ServiceSpec* spec);

// Parts of it, in files of their own.
Status ApplyContainer(const Flags& flags, pb::ContainerSpec* container);
Status ApplyResources(const Flags& flags, pb::ServiceSpec* spec);
Status ApplyPolicies(const Flags& flags, pb::ServiceSpec* spec);
Status ApplyMounts(const Flags& flags, pb::ContainerSpec* spec);
Status ApplyReferences(const Flags& flags, Client& client, pb::ContainerSpec* spec);
Result<pb::PortConfig> ParsePort(std::string_view text);
// "64m" and so on, in binary units.
Result<std::int64_t> ParseMemory(std::string_view text);
// "0.5" or "1/2" CPUs, in billionths.
Result<std::int64_t> ParseNanoCpus(std::string_view text);
Result<pb::ContainerSpec::Ulimit> ParseUlimit(std::string_view text);
Result<pb::Mount> ParseTmpfs(std::string_view text);
// "type=volume,source=data,target=/data,readonly".
Result<pb::Mount> ParseMount(std::string_view text);

}  // namespace swarm::ctl
