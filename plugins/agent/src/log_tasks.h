// What is to be known of this node's tasks to read their output.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "swarm/executor.h"

namespace swarm::agent {

struct LogTask {
  std::string id;
  std::string service_id;
  pb::TaskState state = pb::NEW;
  LogSource* source = nullptr;  // null: there is no output to read
};

// Threading: [loop].
class LogTasks {
 public:
  virtual ~LogTasks() = default;
  virtual std::vector<std::string> TaskIds() const = 0;
  virtual std::optional<LogTask> FindTask(const std::string& id) const = 0;
};

}  // namespace swarm::agent
