// What an engine offers, from its GET /info and GET /plugins. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "swarmkit/v1/types.pb.h"

namespace swarm::executor_docker {

namespace pb = ::docker::swarmkit::v1;

// `plugins` may be null: an engine that does not list its managed plugins.
pb::NodeDescription DescriptionOf(const nlohmann::json& info, const nlohmann::json& plugins);

}  // namespace swarm::executor_docker
