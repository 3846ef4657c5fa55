// The secrets and configs a manager has sent, and each task's restricted view of them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/executor.h"
#include "swarmkit/v1/dispatcher.pb.h"

namespace swarm::agent {

// Threading: [any]; executors read from threads of their own.
class DependencyStore {
 public:
  // A complete set replaces everything at once, so that no task misses what it had and keeps.
  void Apply(const pb::AssignmentsMessage& message, bool complete);

  // Null when there is none.
  std::shared_ptr<const pb::Secret> Secret(std::string_view id) const;
  std::shared_ptr<const pb::Config> Config(std::string_view id) const;

 private:
  template <class M>
  using Map = std::map<std::string, std::shared_ptr<const M>, std::less<>>;

  mutable std::mutex mutex_;  // guards both; nothing is called while it is held
  Map<pb::Secret> secrets_;
  Map<pb::Config> configs_;
};

// What one task may read: that which its container names. Payloads with a template are expanded.
class TaskDependencies final : public Dependencies {
 public:
  // `data`: the task, serialised. `node`: the node's description, may be null.
  TaskDependencies(std::shared_ptr<const DependencyStore> store, const pb::Task& task,
                   std::shared_ptr<const std::string> data,
                   std::shared_ptr<const pb::NodeDescription> node);

  Result<std::shared_ptr<const pb::Secret>> Secret(std::string_view id) const noexcept override;
  Result<std::shared_ptr<const pb::Config>> Config(std::string_view id) const noexcept override;

 private:
  // As stored, not expanded.
  Result<std::shared_ptr<const pb::Secret>> RawSecret(std::string_view id) const;
  Result<std::shared_ptr<const pb::Config>> RawConfig(std::string_view id) const;
  Result<std::string> Expand(const pb::Driver& templating, const std::string& payload) const;

  const std::shared_ptr<const DependencyStore> store_;
  const std::string task_id_;
  const std::shared_ptr<const std::string> data_;
  const std::shared_ptr<const pb::NodeDescription> node_;
  std::vector<std::string> secrets_;
  std::vector<std::string> configs_;
};

}  // namespace swarm::agent
