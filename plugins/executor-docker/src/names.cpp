#include "names.h"

namespace swarm::executor_docker {

std::string ContainerName(const pb::Task& task) {
  if (!task.annotations().name().empty()) return task.annotations().name();
  const std::string slot = task.slot() != 0 ? std::to_string(task.slot()) : task.node_id();
  // A task without a service has no name to begin with.
  const std::string& service = task.service_annotations().name();
  if (service.empty()) return "task." + task.id();
  return service + "." + slot + "." + task.id();
}

std::map<std::string, std::string> ContainerLabels(const pb::Task& task) {
  std::map<std::string, std::string> labels;
  const auto& from_spec = task.spec().container().labels();
  labels.insert(from_spec.begin(), from_spec.end());
  for (const auto& [key, value] : task.annotations().labels()) labels[key] = value;
  labels[std::string(kLabelTask)] = "";
  labels[std::string(kLabelTaskId)] = task.id();
  labels[std::string(kLabelTaskName)] = ContainerName(task);
  labels[std::string(kLabelNodeId)] = task.node_id();
  labels[std::string(kLabelServiceId)] = task.service_id();
  labels[std::string(kLabelServiceName)] = task.service_annotations().name();
  return labels;
}

}  // namespace swarm::executor_docker
