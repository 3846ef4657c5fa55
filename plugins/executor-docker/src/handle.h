// What a controller is to the core: one task and what is known of its container.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "flow.h"
#include "gate.h"
#include "inspect.h"
#include "swarm/executor.h"

namespace swarm::executor_docker {

// Threading: [loop], but for the snapshot.
struct Handle {
  Handle(Loop& loop, std::shared_ptr<const pb::Task> its_task,
         std::shared_ptr<const Dependencies> its_dependencies)
      : task_id(its_task->id()),
        dependencies(std::move(its_dependencies)),
        task(std::move(its_task)),
        changed(loop) {}

  const std::string task_id;
  const std::shared_ptr<const Dependencies> dependencies;
  std::shared_ptr<const pb::Task> task;
  // Empty: not known, or there is none.
  std::string container_id;
  // As last seen.
  RunState seen = RunState::kCreated;
  // Whether anybody has looked yet.
  bool looked = false;
  // The container may be another than when it was looked at.
  Signal changed;
  // It is or was stopped because it was unhealthy.
  bool unhealthy = false;
  // The agent has been told that the engine is away.
  bool told = false;

  // The operation under way. The flow goes before everything it uses.
  StepDone done;
  std::unique_ptr<Timer> limit;
  FlowSlot flow;

  // For the agent, from any thread.
  std::mutex mutex;
  std::optional<pb::ContainerStatus> status;  // guarded by mutex
  std::optional<pb::PortStatus> ports;        // guarded by mutex
};
using HandlePtr = std::shared_ptr<Handle>;

// Brings the snapshot up to date; null: there is no container.
inline void Record(Handle& handle, const ContainerView* view) {
  std::optional<pb::ContainerStatus> status;
  std::optional<pb::PortStatus> ports;
  handle.looked = true;
  if (view) {
    status.emplace();
    status->set_container_id(view->id);
    status->set_pid(view->pid);
    status->set_exit_code(view->exit_code);
    for (const pb::PortConfig& port : view->ports) {
      if (!ports) ports.emplace();
      *ports->add_ports() = port;
    }
    handle.seen = view->state;
  }
  handle.container_id = view ? view->id : "";
  const std::lock_guard lock(handle.mutex);
  handle.status = std::move(status);
  handle.ports = std::move(ports);
}

}  // namespace swarm::executor_docker
