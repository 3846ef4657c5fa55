// What a task's container is called and labelled. Tools and the engine's users rely on these.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "swarmkit/v1/objects.pb.h"

namespace swarm::executor_docker {

namespace pb = ::docker::swarmkit::v1;

inline constexpr std::string_view kLabelTask = "com.docker.swarm.task";
inline constexpr std::string_view kLabelTaskId = "com.docker.swarm.task.id";
inline constexpr std::string_view kLabelTaskName = "com.docker.swarm.task.name";
inline constexpr std::string_view kLabelNodeId = "com.docker.swarm.node.id";
inline constexpr std::string_view kLabelServiceId = "com.docker.swarm.service.id";
inline constexpr std::string_view kLabelServiceName = "com.docker.swarm.service.name";
// A network that every engine has by itself.
inline constexpr std::string_view kLabelPredefined = "com.docker.swarm.predefined";
// A network that this executor has made: the cluster's id of it.
inline constexpr std::string_view kLabelNetworkId = "com.docker.swarm.network.id";

// The task's own name, else "<service>.<slot, or node when 0>.<task id>".
std::string ContainerName(const pb::Task& task);

// The service author's, then the task's, then those that say whose it is.
std::map<std::string, std::string> ContainerLabels(const pb::Task& task);

}  // namespace swarm::executor_docker
