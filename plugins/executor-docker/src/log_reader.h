// Reads one container's output through the engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core.h"
#include "log_lines.h"

namespace swarm::executor_docker {

struct LogRequest {
  bool follow = false;
  std::int64_t tail = 0;
  std::int64_t since_unix_nanos = 0;
};

// [any] As LogSource::Logs; the output is that of the task's container.
std::shared_ptr<void> ReadLogs(const std::shared_ptr<Core>& core,
                               std::shared_ptr<const pb::Task> task, LogRequest request,
                               Function<void(LogLine)> line, Function<void(Status)> done);

}  // namespace swarm::executor_docker
