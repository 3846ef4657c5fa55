// A task's networks as an engine sees them. Pure.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "swarmkit/v1/objects.pb.h"

namespace swarm::executor_docker {

namespace pb = ::docker::swarmkit::v1;

// One network of a task.
struct TaskNetwork {
  std::string name;
  std::string id;           // the cluster's
  bool predefined = false;  // "bridge", "host": every engine has it
  // Of POST /networks/create; null when the cluster does not say how to make it.
  nlohmann::json create;
  // Of EndpointsConfig and of POST /networks/.../connect.
  nlohmann::json endpoint;
};

std::vector<TaskNetwork> NetworksOf(const pb::Task& task);

// Adds NetworkingConfig and HostConfig.NetworkMode for the first network. Engines before API 1.44
// take one at creation; all of them let further ones be connected afterwards.
void AddFirstNetwork(const pb::Task& task, nlohmann::json* body);

}  // namespace swarm::executor_docker
