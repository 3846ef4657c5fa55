// A task as the body of the engine's POST /containers/create. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine_client/client.h"
#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::executor_docker {

namespace pb = ::docker::swarmkit::v1;

// A file of the engine's machine that the container sees.
struct BoundFile {
  std::string source;
  std::string target;
};

// What the body depends on besides the task.
struct CreateContext {
  engine::ApiVersion api{1, 41};
  // The content of the config that is the credential spec, where it is known.
  std::optional<std::string> credential_spec;
  // Secrets and configs that lie in files on the engine's machine.
  std::vector<BoundFile> files;
};

// The task is one that CheckTask accepts. FailedPrecondition when it needs a newer engine.
Result<nlohmann::json> CreateBody(const pb::Task& task, const CreateContext& context);

// --- its parts ---

// HostConfig without mounts and networks.
nlohmann::json HostConfig(const pb::Task& task, const CreateContext& context);
std::vector<std::string> SecurityOptions(const pb::Privileges& privileges,
                                         const std::optional<std::string>& credential_spec);
// Adds Mounts, and Tmpfs for those that only that form can express.
Status AddMounts(const pb::ContainerSpec& spec, const CreateContext& context,
                 nlohmann::json* host_config);
// Adds ExposedPorts, and PortBindings to its HostConfig: ports in host mode only.
void AddPorts(const pb::Task& task, nlohmann::json* body);

// The whole of a duration; it has no fractions below.
std::int64_t Nanoseconds(const google::protobuf::Duration& duration);

// Volumes to be made before the container: bodies of POST /volumes/create.
std::vector<nlohmann::json> VolumeBodies(const pb::ContainerSpec& spec);

}  // namespace swarm::executor_docker
