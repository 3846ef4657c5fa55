// The things measured. Each returns one figure for one round on one target, and cleans up.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "swarm/network.h"
#include "swarm/status.h"
#include "target.h"

namespace swarm::bench {

struct WorkloadOptions {
  int clients = 64;
  int count = 2000;            // services to create, or tasks of the one service
  std::uint64_t replicas = 0;  // of each created service
  pb::TaskState state = pb::RUNNING;
  std::string image = "busybox";
  std::vector<std::string> args = {"sleep", "3600"};
  // Placement constraints: one that no node meets keeps tasks from being run, so that only managers
  // are measured.
  std::vector<std::string> constraints;
  std::string round_name;  // makes object names unique
  // Between two questions how far the tasks are. A question costs the server, so asking seldom
  // measures it and not the questions.
  std::chrono::milliseconds poll{20};
};

// CreateService calls per second over all clients.
Result<double> CreateRate(Network& network, const TargetSpec& target,
                          const WorkloadOptions& options);
// Tasks per second from CreateService until all of the service's tasks have reached the state.
Result<double> TaskRate(Network& network, const TargetSpec& target, const WorkloadOptions& options);
// Milliseconds of one ListTasks that returns `count` tasks of one service (pending or more).
Result<double> ListMillis(Network& network, const TargetSpec& target,
                          const WorkloadOptions& options);
// Bytes of resident memory a task adds to the server.
Result<double> BytesPerTask(Network& network, const TargetSpec& target,
                            const WorkloadOptions& options);

}  // namespace swarm::bench
