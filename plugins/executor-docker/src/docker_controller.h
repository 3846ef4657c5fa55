// One task on the engine: hands each operation to the core's loop.
#pragma once

#include <memory>

#include "core.h"
#include "swarm/executor.h"

namespace swarm::executor_docker {

class DockerController final : public Controller, public LogSource {
 public:
  DockerController(std::shared_ptr<Core> core, HandlePtr handle);

  Status Update(const pb::Task& task) noexcept override;
  void Prepare(StepDone done) noexcept override;
  void Start(StepDone done) noexcept override;
  void Wait(StepDone done) noexcept override;
  void Shutdown(StepDone done) noexcept override;
  void Terminate(StepDone done) noexcept override;
  void Remove(StepDone done) noexcept override;
  void Cancel() noexcept override;
  void Close(Function<void()> done) noexcept override;
  std::optional<pb::ContainerStatus> ContainerStatus() noexcept override;
  std::optional<pb::PortStatus> PortStatus() noexcept override;
  std::shared_ptr<void> Logs(bool follow, std::int64_t tail, std::int64_t since_unix_nanos,
                             Function<void(LogLine)> line,
                             Function<void(Status)> done) noexcept override;

 private:
  void Run(Core::Step step, Core::Patience patience, StepDone done);

  const std::shared_ptr<Core> core_;
  const HandlePtr handle_;
  // For readers of logs; all that they need of it never changes.
  const std::shared_ptr<const pb::Task> task_;
};

}  // namespace swarm::executor_docker
