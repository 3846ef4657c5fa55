#include "sim_executor.h"

#include <utility>

#include "sim_log.h"

namespace swarm::executor_sim {
namespace {

constexpr Duration kDefaultGrace = std::chrono::seconds(10);

Duration GraceOf(const pb::Task& task) {
  const auto& container = task.spec().container();
  if (!container.has_stop_grace_period()) return kDefaultGrace;
  const auto& grace = container.stop_grace_period();
  return std::chrono::seconds(grace.seconds()) + std::chrono::nanoseconds(grace.nanos());
}

class SimController final : public Controller, public LogSource {
 public:
  SimController(std::shared_ptr<SimCore> core, HandlePtr handle)
      : core_(std::move(core)), handle_(std::move(handle)) {}

  Status Update(const pb::Task& task) noexcept override {
    const Duration grace = GraceOf(task);
    Post([grace](SimCore&, const HandlePtr& handle) { handle->grace = grace; });
    return Status::Ok();
  }
  void Prepare(StepDone done) noexcept override { Run(&SimCore::Prepare, std::move(done)); }
  void Start(StepDone done) noexcept override { Run(&SimCore::Start, std::move(done)); }
  void Wait(StepDone done) noexcept override { Run(&SimCore::Wait, std::move(done)); }
  void Shutdown(StepDone done) noexcept override { Run(&SimCore::Shutdown, std::move(done)); }
  void Terminate(StepDone done) noexcept override { Run(&SimCore::Terminate, std::move(done)); }
  void Remove(StepDone done) noexcept override { Run(&SimCore::Remove, std::move(done)); }
  void Cancel() noexcept override {
    Post([](SimCore& core, const HandlePtr& handle) { core.Cancel(handle); });
  }
  void Close(Function<void()> done) noexcept override {
    Post([done = std::move(done)](SimCore& core, const HandlePtr& handle) mutable {
      core.Cancel(handle);
      done();
    });
  }
  std::optional<pb::ContainerStatus> ContainerStatus() noexcept override {
    return StatusOf(*handle_);
  }
  std::optional<pb::PortStatus> PortStatus() noexcept override { return std::nullopt; }
  std::shared_ptr<void> Logs(bool follow, std::int64_t tail, std::int64_t since_unix_nanos,
                             Function<void(LogLine)> line,
                             Function<void(Status)> done) noexcept override {
    auto reader = std::make_shared<SimLog>(core_->loop(), core_->clock(),
                                           SimLog::Wish{follow, tail, since_unix_nanos},
                                           std::move(line), std::move(done));
    Post([reader](SimCore& core, const HandlePtr& handle) { core.Read(handle, reader); });
    // Let go of from any thread; what it holds is the loop's.
    return std::shared_ptr<void>(reader.get(), [core = core_, reader](void*) {
      reader->Stop();
      core->loop().Post([core, reader] { reader->Close(); });
    });
  }

 private:
  template <class Fn>
  void Post(Fn fn) {
    core_->loop().Post(
        [core = core_, handle = handle_, fn = std::move(fn)]() mutable { fn(*core, handle); });
  }
  void Run(void (SimCore::*method)(const HandlePtr&, StepDone), StepDone done) {
    Post([method, done = std::move(done)](SimCore& core, const HandlePtr& handle) mutable {
      (core.*method)(handle, std::move(done));
    });
  }

  const std::shared_ptr<SimCore> core_;
  const HandlePtr handle_;
};

}  // namespace

SimExecutor::SimExecutor(Runtime& runtime, Logger logger, SimOptions options)
    : logger_(logger.ForModule("executor-sim")),
      core_(std::make_shared<SimCore>(runtime, std::move(options))) {}

SimExecutor::~SimExecutor() { core_->loop().Stop(); }

void SimExecutor::Start(Function<void(Status)> done) noexcept { done(Status::Ok()); }

void SimExecutor::Stop(Function<void()> done) noexcept {
  core_->loop().Stop();
  core_->Clear();
  done();
}

void SimExecutor::Describe(Function<void(Result<pb::NodeDescription>)> done) noexcept {
  const SimOptions& options = core_->options();
  pb::NodeDescription out;
  out.set_hostname(options.hostname);
  out.mutable_platform()->set_os(options.os);
  out.mutable_platform()->set_architecture(options.architecture);
  out.mutable_resources()->set_nano_cpus(options.cpus * 1'000'000'000);
  out.mutable_resources()->set_memory_bytes(options.memory_bytes);
  out.mutable_engine()->set_engine_version("sim");
  for (const auto& [key, value] : options.labels) {
    (*out.mutable_engine()->mutable_labels())[key] = value;
  }
  done(std::move(out));
}

void SimExecutor::Configure(const pb::Node& node) noexcept {
  logger_.Debug("node configured", {{"node.id", node.id()}});
}

Result<std::unique_ptr<Controller>> SimExecutor::NewController(
    const pb::Task& task, std::shared_ptr<const Dependencies>) noexcept {
  SWARM_ASSIGN_OR_RETURN(auto overrides, OverridesFromTask(task));
  if (overrides && !overrides->resolve_error.empty()) {
    return Status(Code::kUnknown, overrides->resolve_error);
  }
  auto handle = std::make_shared<Handle>();
  handle->task_id = task.id();
  handle->container = core_->FindOrMake(task.id());
  handle->overrides = std::move(overrides);
  handle->grace = GraceOf(task);
  return std::unique_ptr<Controller>(std::make_unique<SimController>(core_, std::move(handle)));
}

void SimExecutor::SetNetworkKeys(const std::vector<pb::EncryptionKey>&) noexcept {
  // Simulated containers have no network to encrypt.
}

}  // namespace swarm::executor_sim
