// What of a task can be told to be wrong before any engine is asked.
#pragma once

#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::executor_docker {

namespace pb = ::docker::swarmkit::v1;

// InvalidArgument or Unimplemented; the text becomes the error of the rejected task.
Status CheckTask(const pb::Task& task);

}  // namespace swarm::executor_docker
