// External certificate authorities as operators write them: protocol=cfssl,url=https://ca.example.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"
#include "swarmkit/v1/types.pb.h"

namespace swarm::cfssl {

namespace pb = ::docker::swarmkit::v1;

// InvalidArgument in SwarmKit's words. Keys other than protocol and url become options.
Result<pb::ExternalCA> ParseExternalCa(std::string_view text);

// The same certificates read the same, however their text was laid out. Empty when they are none.
std::string NormalizedPem(std::string_view pem);

// Where the authorities listen that sign for the root `wanted_pem`, in the order given. One that
// names no certificate signs for `current_pem`.
std::vector<std::string> UrlsFor(const pb::CAConfig& config, std::string_view wanted_pem,
                                 std::string_view current_pem);

}  // namespace swarm::cfssl
