#include "process_executor.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <utility>

#include "log_reader.h"

namespace swarm::executor_process {
namespace {

using Beginning = Handle::Beginning;

std::unique_ptr<Beginning> BeginningOf(TaskSetup setup,
                                       std::shared_ptr<const Dependencies> dependencies) {
  return std::make_unique<Beginning>(
      Beginning{EncodePlan(setup.plan), std::move(setup.sources), std::move(dependencies)});
}

class ProcessController final : public Controller, public LogSource {
 public:
  ProcessController(std::shared_ptr<ProcessCore> core, HandlePtr handle,
                    std::shared_ptr<const Dependencies> dependencies)
      : core_(std::move(core)), handle_(std::move(handle)), dependencies_(std::move(dependencies)) {
    Post([](ProcessCore& core, const HandlePtr& handle) { core.Look(handle); });
  }

  Status Update(const pb::Task& task) noexcept override {
    SWARM_ASSIGN_OR_RETURN(auto setup, SetUp(task, core_->rules()));
    auto manners = setup.manners;
    Post([manners = std::move(manners), beginning = BeginningOf(std::move(setup), dependencies_)](
             ProcessCore& core, const HandlePtr& handle) mutable {
      handle->manners = std::move(manners);
      handle->beginning = std::move(beginning);
      core.Look(handle);
    });
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
  std::optional<pb::PortStatus> PortStatus() noexcept override {
    const std::lock_guard lock(handle_->mutex);
    if (!handle_->ports) return std::nullopt;
    return *handle_->ports;
  }

  std::shared_ptr<void> Logs(bool follow, std::int64_t tail, std::int64_t since,
                             Function<void(LogLine)> line,
                             Function<void(Status)> done) noexcept override {
    auto reader = std::make_shared<LogReader>(
        core_, handle_->folder, LogRequest{follow, tail, since}, std::move(line), std::move(done));
    core_->loop().Post([reader] { reader->Begin(); });
    // The reader lives as long as somebody wants to know.
    auto* kept = reader.get();
    return {kept, [reader = std::move(reader)](void*) { reader->Stop(); }};
  }

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
  const std::shared_ptr<const Dependencies> dependencies_;
};

std::string MachineName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// Not those it is kept from.
std::int64_t UsableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return sysconf(_SC_NPROCESSORS_ONLN);
}

}  // namespace

ProcessExecutor::ProcessExecutor(Runtime& runtime, Logger logger, ProcessOptions options)
    : options_(std::move(options)),
      logger_(logger.ForModule("executor-process")),
      core_(std::make_shared<ProcessCore>(runtime, logger_, options_.rules,
                                          options_.orphans_after)) {}

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
  const std::int64_t cpus = options_.cpus > 0 ? options_.cpus : UsableProcessors();
  const std::int64_t memory =
      options_.memory > 0 ? options_.memory : sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  out.mutable_resources()->set_nano_cpus(cpus * 1'000'000'000);
  out.mutable_resources()->set_memory_bytes(memory);
  auto* engine = out.mutable_engine();
  engine->set_engine_version("process");
  engine->mutable_labels()->insert(options_.labels.begin(), options_.labels.end());
  // By type, then name; what schedulers look for before they place a task here.
  for (const auto& [type, name] : {std::pair{"Log", "json-file"},
                                   {"Log", "local"},
                                   {"Log", "none"},
                                   {"Network", "host"},
                                   {"Volume", "local"}}) {
    auto* plugin = engine->add_plugins();
    plugin->set_type(type);
    plugin->set_name(name);
  }
  done(std::move(out));
}

void ProcessExecutor::Configure(const pb::Node& node) noexcept {
  logger_.Debug("node configured", {{"node.id", node.id()}});
}

Result<std::unique_ptr<Controller>> ProcessExecutor::NewController(
    const pb::Task& task, std::shared_ptr<const Dependencies> dependencies) noexcept {
  const std::string& id = task.id();
  if (id.empty() || id.find('/') != std::string::npos || id.front() == '.') {
    return Status(Code::kInvalidArgument, "\"" + id + "\" is not a task id");
  }
  core_->Claim(id);
  SWARM_ASSIGN_OR_RETURN(auto setup, SetUp(task, core_->rules()));
  auto handle = std::make_shared<Handle>(id, TaskFolder(core_->files(), core_->FolderOf(id)));
  handle->manners = setup.manners;
  handle->beginning = BeginningOf(std::move(setup), dependencies);
  return std::unique_ptr<Controller>(
      std::make_unique<ProcessController>(core_, std::move(handle), std::move(dependencies)));
}

void ProcessExecutor::SetNetworkKeys(const std::vector<pb::EncryptionKey>&) noexcept {
  // Processes use the machine's network as it is.
}

}  // namespace swarm::executor_process
