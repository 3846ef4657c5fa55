// A real manager whose tasks are containers of a real engine.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/cluster.h"
#include "support/docker_engine.h"

namespace swarm::test {

struct TaskRow {
  std::string id;
  std::string desired;
  std::string state;
};

// Rows of `task ls`; `service`: only those of this one.
std::vector<TaskRow> Tasks(Manager& manager, const std::string& service = "");
// What `task inspect` says behind a word such as "ExitCode"; empty when it does not.
std::string TaskField(Manager& manager, const std::string& task, const std::string& word);

class DockerRig {
 public:
  // Starts the engine; StartManager starts or starts again the manager.
  explicit DockerRig(const std::vector<std::string>& engine_arguments = {});

  bool StartManager() { return manager.StartWithConfig(Yaml()); }
  std::string Yaml() const;
  // Ids of the running containers of a service.
  std::set<std::string> Running(const std::string& service);
  // Every container with a task's label, running or not.
  std::size_t TaskContainers() { return engine.Containers({"com.docker.swarm.task"}).size(); }
  // The tasks that have more than one container.
  std::set<std::string> Doubled();

  DockerEngine engine;  // outlives the manager, which ends its tasks
  Manager manager;
};

// `service create` with an image that is there and restarts without a pause; `more` is added.
std::vector<std::string> CreateService(const std::string& name, int replicas,
                                       const std::vector<std::string>& more = {});

}  // namespace swarm::test
