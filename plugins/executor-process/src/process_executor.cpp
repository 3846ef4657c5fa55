#include "process_executor.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <utility>

namespace swarm::executor_process {
namespace {

class ProcessController final : public Controller {
 public:
  ProcessController(std::shared_ptr<ProcessCore> core, HandlePtr handle)
      : core_(std::move(core)), handle_(std::move(handle)) {
    Post([](ProcessCore& core, const HandlePtr& handle) { core.Look(handle); });
  }

  Status Update(const pb::Task& task) noexcept override {
    SWARM_ASSIGN_OR_RETURN(auto spec, LaunchSpecOf(task));
    Post([spec = std::move(spec)](ProcessCore&, const HandlePtr& handle) { handle->spec = spec; });
    return Status::Ok();
  }
  void Prepare(StepDone done) noexcept override { Run(&ProcessCore::Prepare, std::move(done)); }
  void Start(StepDone done) noexcept override { Run(&ProcessCore::Begin, std::move(done)); }
  void Wait(StepDone done) noexcept override { Run(&ProcessCore::Wait, std::move(done)); }
  void Shutdown(StepDone done) noexcept override { Run(&ProcessCore::Shutdown, std::move(done)); }
  void Terminate(StepDone done) noexcept override { Run(&ProcessCore::Terminate, std::move(done)); }
  void Remove(StepDone done) noexcept override { Run(&ProcessCore::Remove, std::move(done)); }
  void Cancel() noexcept override {
    Post([](ProcessCore& core, const HandlePtr& handle) { core.Cancel(handle); });
  }
  void Close(Function<void()> done) noexcept override {
    Post([done = std::move(done)](ProcessCore& core, const HandlePtr& handle) mutable {
      core.Cancel(handle);
      done();
    });
  }
  std::optional<pb::ContainerStatus> ContainerStatus() noexcept override {
    const std::lock_guard lock(handle_->mutex);
    return handle_->status;
  }
  std::optional<pb::PortStatus> PortStatus() noexcept override { return std::nullopt; }

 private:
  template <class Fn>
  void Post(Fn fn) {
    core_->loop().Post(
        [core = core_, handle = handle_, fn = std::move(fn)]() mutable { fn(*core, handle); });
  }
  void Run(void (ProcessCore::*method)(const HandlePtr&, StepDone), StepDone done) {
    Post([method, done = std::move(done)](ProcessCore& core, const HandlePtr& handle) mutable {
      (core.*method)(handle, std::move(done));
    });
  }

  const std::shared_ptr<ProcessCore> core_;
  const HandlePtr handle_;
};

std::string MachineName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

ProcessExecutor::ProcessExecutor(Runtime& runtime, Logger logger, ProcessOptions options)
    : options_(std::move(options)),
      logger_(logger.ForModule("executor-process")),
      core_(std::make_shared<ProcessCore>(runtime, logger_, options_.state_dir)) {}

ProcessExecutor::~ProcessExecutor() { core_->Stop(); }

void ProcessExecutor::Start(Function<void(Status)> done) noexcept {
  done(core_->Start(options_.helper));
}

void ProcessExecutor::Stop(Function<void()> done) noexcept {
  core_->Stop();
  done();
}

void ProcessExecutor::Describe(Function<void(Result<pb::NodeDescription>)> done) noexcept {
  pb::NodeDescription out;
  out.set_hostname(options_.hostname.empty() ? MachineName() : options_.hostname);
  utsname names{};
  if (uname(&names) == 0) out.mutable_platform()->set_architecture(names.machine);
  out.mutable_platform()->set_os("linux");
  out.mutable_resources()->set_nano_cpus(sysconf(_SC_NPROCESSORS_ONLN) * 1'000'000'000L);
  out.mutable_resources()->set_memory_bytes(sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
  out.mutable_engine()->set_engine_version("process");
  done(std::move(out));
}

void ProcessExecutor::Configure(const pb::Node& node) noexcept {
  logger_.Debug("node configured", {{"node.id", node.id()}});
}

Result<std::unique_ptr<Controller>> ProcessExecutor::NewController(
    const pb::Task& task, std::shared_ptr<const Dependencies>) noexcept {
  if (task.id().empty() || task.id().find('/') != std::string::npos) {
    return Status(Code::kInvalidArgument, "\"" + task.id() + "\" is not a task id");
  }
  SWARM_ASSIGN_OR_RETURN(auto spec, LaunchSpecOf(task));
  auto handle = std::make_shared<Handle>(
      task.id(), TaskFolder(core_->files(), core_->FolderOf(task.id())), std::move(spec));
  return std::unique_ptr<Controller>(std::make_unique<ProcessController>(core_, std::move(handle)));
}

void ProcessExecutor::SetNetworkKeys(const std::vector<pb::EncryptionKey>&) noexcept {
  // Processes use the machine's network as it is.
}

}  // namespace swarm::executor_process
