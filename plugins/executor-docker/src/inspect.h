// What the engine says of a container. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::executor_docker {

namespace pb = ::docker::swarmkit::v1;

enum class RunState : std::uint8_t {
  kCreated,   // never started
  kRunning,   // also paused and restarting
  kExited,    // also dead
  kRemoving,  // about to be gone
};

enum class Health : std::uint8_t { kNone, kStarting, kHealthy, kUnhealthy };

struct ContainerView {
  std::string id;
  std::map<std::string, std::string> labels;
  RunState state = RunState::kCreated;
  int pid = 0;
  int exit_code = 0;
  bool out_of_memory = false;
  std::string error;  // the engine's word on a start or an end that went wrong
  Health health = Health::kNone;
  bool terminal = false;
  std::set<std::string> networks;  // names
  std::vector<pb::PortConfig> ports;
};

// Of GET /containers/ID/json; DataLoss when it is not what an engine says.
Result<ContainerView> ParseContainer(const nlohmann::json& body);

// One row of GET /containers/json.
struct ContainerRow {
  std::string id;
  std::string task_id;
  RunState state = RunState::kCreated;
};
Result<std::vector<ContainerRow>> ParseContainerList(const nlohmann::json& body);

}  // namespace swarm::executor_docker
