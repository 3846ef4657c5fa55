// External certificate authorities as flags name them: protocol=cfssl,url=https://ca.example.
#pragma once

#include <string_view>

#include "swarm/status.h"
#include "swarmkit/v1/types.pb.h"

namespace swarm::ctl {

Result<::docker::swarmkit::v1::ExternalCA> ParseExternalCa(std::string_view text);

}  // namespace swarm::ctl
