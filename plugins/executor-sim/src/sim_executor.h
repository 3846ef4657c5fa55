// An executor whose containers are only numbers: for simulations, benchmarks and trying a cluster
// out without a container engine.
#pragma once

#include <memory>
#include <vector>

#include "sim_core.h"
#include "swarm/executor.h"
#include "swarm/log.h"
#include "swarm/plugin.h"

namespace swarm::executor_sim {

class SimExecutor final : public Instance, public Executor {
 public:
  SimExecutor(Runtime& runtime, Logger logger, SimOptions options);
  ~SimExecutor() override;

  void* role() noexcept override { return static_cast<Executor*>(this); }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

  void Describe(Function<void(Result<pb::NodeDescription>)> done) noexcept override;
  void Configure(const pb::Node& node) noexcept override;
  Result<std::unique_ptr<Controller>> NewController(
      const pb::Task& task, std::shared_ptr<const Dependencies> dependencies) noexcept override;
  void SetNetworkKeys(const std::vector<pb::EncryptionKey>& keys) noexcept override;

 private:
  Logger logger_;
  std::shared_ptr<SimCore> core_;
};

}  // namespace swarm::executor_sim
