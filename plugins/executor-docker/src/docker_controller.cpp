#include "docker_controller.h"

#include <utility>

#include "log_reader.h"
#include "spec_check.h"

namespace swarm::executor_docker {

DockerController::DockerController(std::shared_ptr<Core> core, HandlePtr handle)
    : core_(std::move(core)), handle_(std::move(handle)), task_(handle_->task) {}

void DockerController::Run(Core::Step step, Core::Patience patience, StepDone done) {
  core_->loop().Post(
      [core = core_, handle = handle_, step, patience, done = std::move(done)]() mutable {
        core->Run(handle, step, patience, std::move(done));
      });
}

Status DockerController::Update(const pb::Task& task) noexcept {
  SWARM_RETURN_IF_ERROR(CheckTask(task));
  core_->loop().Post([handle = handle_, task = std::make_shared<const pb::Task>(task)]() mutable {
    handle->task = std::move(task);
  });
  return {};
}

void DockerController::Prepare(StepDone done) noexcept {
  Run(&Core::Prepare, Core::Patience::kTells, std::move(done));
}
void DockerController::Start(StepDone done) noexcept {
  Run(&Core::Begin, Core::Patience::kTells, std::move(done));
}
// Nobody need hear of an engine that is away while the container runs on.
void DockerController::Wait(StepDone done) noexcept {
  Run(&Core::Wait, Core::Patience::kWaits, std::move(done));
}
void DockerController::Shutdown(StepDone done) noexcept {
  Run(&Core::Shutdown, Core::Patience::kTells, std::move(done));
}
void DockerController::Terminate(StepDone done) noexcept {
  Run(&Core::Terminate, Core::Patience::kTells, std::move(done));
}
// The agent bounds its attempts; what they leave, the next sweep finds.
void DockerController::Remove(StepDone done) noexcept {
  Run(&Core::Remove, Core::Patience::kNone, std::move(done));
}

void DockerController::Cancel() noexcept {
  core_->loop().Post([core = core_, handle = handle_] { core->Cancel(*handle); });
}

void DockerController::Close(Function<void()> done) noexcept {
  core_->loop().Post([core = core_, handle = handle_, done = std::move(done)]() mutable {
    core->End(*handle);
    core->Forget(*handle);
    done();
  });
}

std::optional<pb::ContainerStatus> DockerController::ContainerStatus() noexcept {
  const std::lock_guard lock(handle_->mutex);
  return handle_->status;
}

std::optional<pb::PortStatus> DockerController::PortStatus() noexcept {
  const std::lock_guard lock(handle_->mutex);
  return handle_->ports;
}

std::shared_ptr<void> DockerController::Logs(bool follow, std::int64_t tail,
                                             std::int64_t since_unix_nanos,
                                             Function<void(LogLine)> line,
                                             Function<void(Status)> done) noexcept {
  if (tail > 0) {
    done({Code::kInvalidArgument, "tail relative to start of logs not supported via docker API"});
    return nullptr;
  }
  return ReadLogs(core_, task_, {follow, tail, since_unix_nanos}, std::move(line), std::move(done));
}

}  // namespace swarm::executor_docker
