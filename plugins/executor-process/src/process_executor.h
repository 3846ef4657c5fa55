// Runs tasks as processes of this machine.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "process_core.h"
#include "swarm/executor.h"
#include "swarm/plugin.h"

namespace swarm::executor_process {

struct ProcessOptions {
  std::string hostname;  // empty: the machine's
  std::string helper;    // empty: looked for
  std::map<std::string, std::string> labels;
  std::int64_t cpus = 0;    // 0: the machine's
  std::int64_t memory = 0;  // bytes; 0: the machine's
  Duration orphans_after = std::chrono::minutes(10);
  NodeRules rules;  // what Start finds out is left out
};

class ProcessExecutor final : public Instance, public Executor {
 public:
  ProcessExecutor(Runtime& runtime, Logger logger, ProcessOptions options);
  ~ProcessExecutor() override;

  void* role() noexcept override { return static_cast<Executor*>(this); }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

  void Describe(Function<void(Result<pb::NodeDescription>)> done) noexcept override;
  void Configure(const pb::Node& node) noexcept override;
  Result<std::unique_ptr<Controller>> NewController(
      const pb::Task& task, std::shared_ptr<const Dependencies> dependencies) noexcept override;
  void SetNetworkKeys(const std::vector<pb::EncryptionKey>& keys) noexcept override;

 private:
  const ProcessOptions options_;
  Logger logger_;
  std::shared_ptr<ProcessCore> core_;
};

}  // namespace swarm::executor_process
