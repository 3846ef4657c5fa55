// An executor whose tasks are timers: no process is started and nothing is isolated.
//
// What a task does is told by the words of its command:
//   sleep SECONDS [CODE]  runs for so long, then ends with the exit code (0)
//   stubborn              does not heed a stop and is killed after its grace period
//   fail                  cannot be started
//   anything else         runs until it is stopped
// It shows the whole contract of swarm/executor.h: repeated steps, a second controller that takes
// a task over, cancelling, exit codes. To make it your own, replace Launch and Exit.
#include <swarm/executor.h>
#include <swarm/plugin.h>

#include <charconv>
#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using swarm::Code;
using swarm::Duration;
using swarm::Result;
using swarm::Status;
using swarm::StepDone;
using swarm::StepResult;
namespace pb = swarm::pb;

constexpr int kKilled = 137;

constexpr swarm::SettingDescriptor kSettings[] = {
    {"cpus", swarm::SettingType::kInteger, "4", "Processors the node offers.", 1, 1024},
    {"memory", swarm::SettingType::kBytes, "8GiB", "Memory the node offers.", 1 << 20,
     std::int64_t{1} << 50},
};

enum class Phase { kAbsent, kPrepared, kRunning, kExited };

struct Handle;

// One task's timer. Shared by the controllers that come and go.
struct Job {
  Phase phase = Phase::kAbsent;
  int pid = 0;
  int code = 0;
  std::unique_ptr<swarm::Timer> end;
  std::weak_ptr<Handle> waiter;
};

// One controller's view. An operation is under way while `done` is set.
struct Handle {
  std::string task_id;
  std::vector<std::string> words;
  Duration grace;
  std::shared_ptr<Job> job;
  StepDone done;
  std::unique_ptr<swarm::Timer> timer;
};
using HandlePtr = std::shared_ptr<Handle>;

Duration GraceOf(const pb::ContainerSpec& spec) {
  if (!spec.has_stop_grace_period()) return std::chrono::seconds(10);
  const auto& grace = spec.stop_grace_period();
  return std::chrono::seconds(grace.seconds()) + std::chrono::nanoseconds(grace.nanos());
}

int NumberOr(const std::vector<std::string>& words, std::size_t at, int otherwise) {
  int value = otherwise;
  if (at < words.size())
    std::from_chars(words[at].data(), words[at].data() + words[at].size(), value);
  return value;
}

void End(const HandlePtr& handle, StepResult result) {
  handle->timer.reset();
  if (handle->done) std::exchange(handle->done, nullptr)(std::move(result));
}

// Everything that changes, on one loop; the mutex is for those who only look, from any thread.
class Jobs : public std::enable_shared_from_this<Jobs> {
 public:
  explicit Jobs(swarm::Runtime& runtime)
      : loop_(runtime.NewLoop("executor-template", swarm::LoopKind::kShared)) {}

  swarm::Loop& loop() { return *loop_; }

  // [any]
  std::shared_ptr<Job> Find(const std::string& task_id) {
    const std::lock_guard lock(mutex_);
    auto& job = jobs_[task_id];
    if (job == nullptr) job = std::make_shared<Job>();
    return job;
  }
  // [any] Nothing where there is no job.
  std::optional<pb::ContainerStatus> StatusOf(const Handle& handle) {
    const std::lock_guard lock(mutex_);
    if (handle.job->phase == Phase::kAbsent) return std::nullopt;
    pb::ContainerStatus status;
    status.set_container_id("timer-" + handle.task_id);
    status.set_pid(handle.job->phase == Phase::kRunning ? handle.job->pid : 0);
    status.set_exit_code(handle.job->code);
    return status;
  }

  // [loop] from here on.
  void Prepare(const HandlePtr& handle) {
    if (handle->job->phase == Phase::kAbsent) Set(*handle->job, Phase::kPrepared);
    End(handle, StepResult::Ok());
  }
  void Start(const HandlePtr& handle) {
    Job& job = *handle->job;
    if (job.phase == Phase::kAbsent) return End(handle, Failed("task: not prepared"));
    if (job.phase != Phase::kPrepared) return End(handle, StepResult::Ok());
    const std::string what = handle->words.empty() ? "" : handle->words[0];
    if (what == "fail") return End(handle, Failed("task: its command says fail"));
    Launch(handle, what);
    End(handle, StepResult::Ok());
  }
  void Wait(const HandlePtr& handle) {
    if (handle->job->phase == Phase::kExited) return End(handle, Outcome(*handle));
    if (handle->job->phase != Phase::kRunning) return End(handle, Failed("task: not started"));
    handle->job->waiter = handle;
  }
  void Shutdown(const HandlePtr& handle) {
    if (handle->job->phase != Phase::kRunning) return End(handle, StepResult::Ok());
    if (handle->words.empty() || handle->words[0] != "stubborn") {
      Exit(handle->job, 0);
      return End(handle, StepResult::Ok());
    }
    handle->timer = loop_->After(handle->grace, [jobs = weak_from_this(), handle] {
      const auto self = jobs.lock();
      if (self == nullptr) return;
      self->Exit(handle->job, kKilled);
      End(handle, StepResult::Ok());
    });
  }
  void Terminate(const HandlePtr& handle) {
    Exit(handle->job, kKilled);
    End(handle, StepResult::Ok());
  }
  void Remove(const HandlePtr& handle) {
    Exit(handle->job, kKilled);
    Set(*handle->job, Phase::kAbsent);
    {
      const std::lock_guard lock(mutex_);
      jobs_.erase(handle->task_id);
    }
    End(handle, StepResult::Ok());
  }
  static void Cancel(const HandlePtr& handle) {
    End(handle, StepResult::Failed(Status(Code::kCancelled, "operation cancelled")));
  }
  // As a machine that dies.
  void Clear() {
    const std::lock_guard lock(mutex_);
    for (auto& [id, job] : jobs_) job->end.reset();
    jobs_.clear();
  }

 private:
  static StepResult Failed(const char* why) {
    return StepResult::Failed(Status(Code::kFailedPrecondition, why));
  }

  void Set(Job& job, Phase phase) {
    const std::lock_guard lock(mutex_);
    job.phase = phase;
  }

  void Launch(const HandlePtr& handle, const std::string& what) {
    const std::shared_ptr<Job>& job = handle->job;
    {
      const std::lock_guard lock(mutex_);
      job->phase = Phase::kRunning;
      job->pid = ++last_pid_;
    }
    if (what != "sleep") return;
    const int code = NumberOr(handle->words, 2, 0);
    job->end = loop_->After(std::chrono::seconds(NumberOr(handle->words, 1, 0)),
                            [jobs = weak_from_this(), weak = std::weak_ptr(job), code] {
                              const auto self = jobs.lock();
                              const auto ending = weak.lock();
                              if (self != nullptr && ending != nullptr) self->Exit(ending, code);
                            });
  }

  void Exit(const std::shared_ptr<Job>& job, int code) {
    if (job->phase != Phase::kRunning) return;
    {
      const std::lock_guard lock(mutex_);
      job->phase = Phase::kExited;
      job->code = code;
    }
    // A timer does not destroy itself while it runs.
    loop_->Post([job] { job->end.reset(); });
    if (const HandlePtr waiter = std::exchange(job->waiter, {}).lock())
      End(waiter, Outcome(*waiter));
  }

  StepResult Outcome(const Handle& handle) {
    const int code = handle.job->code;
    StepResult result;
    if (code != 0) {
      result.status = Status(Code::kUnknown, "task: non-zero exit (" + std::to_string(code) + ")");
    }
    result.exit_code = code;
    result.container = StatusOf(handle);
    return result;
  }

  const std::unique_ptr<swarm::Loop> loop_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Job>> jobs_;
  int last_pid_ = 0;
};

class TimerController final : public swarm::Controller {
 public:
  TimerController(std::shared_ptr<Jobs> jobs, HandlePtr handle)
      : jobs_(std::move(jobs)), handle_(std::move(handle)) {}

  Status Update(const pb::Task& task) noexcept override {
    const Duration grace = GraceOf(task.spec().container());
    jobs_->loop().Post([handle = handle_, grace] { handle->grace = grace; });
    return Status::Ok();
  }
  void Prepare(StepDone done) noexcept override { Run(&Jobs::Prepare, std::move(done)); }
  void Start(StepDone done) noexcept override { Run(&Jobs::Start, std::move(done)); }
  void Wait(StepDone done) noexcept override { Run(&Jobs::Wait, std::move(done)); }
  void Shutdown(StepDone done) noexcept override { Run(&Jobs::Shutdown, std::move(done)); }
  void Terminate(StepDone done) noexcept override { Run(&Jobs::Terminate, std::move(done)); }
  void Remove(StepDone done) noexcept override { Run(&Jobs::Remove, std::move(done)); }
  void Cancel() noexcept override {
    jobs_->loop().Post([handle = handle_] { Jobs::Cancel(handle); });
  }
  void Close(swarm::Function<void()> done) noexcept override {
    jobs_->loop().Post([handle = handle_, done = std::move(done)]() mutable {
      Jobs::Cancel(handle);
      done();
    });
  }
  std::optional<pb::ContainerStatus> ContainerStatus() noexcept override {
    return jobs_->StatusOf(*handle_);
  }
  std::optional<pb::PortStatus> PortStatus() noexcept override { return std::nullopt; }

 private:
  void Run(void (Jobs::*step)(const HandlePtr&), StepDone done) {
    jobs_->loop().Post([jobs = jobs_, handle = handle_, step, done = std::move(done)]() mutable {
      handle->done = std::move(done);
      (*jobs.*step)(handle);
    });
  }

  const std::shared_ptr<Jobs> jobs_;
  const HandlePtr handle_;
};

class TimerExecutor final : public swarm::Instance, public swarm::Executor {
 public:
  explicit TimerExecutor(swarm::InstanceContext& context)
      : cpus_(context.settings().GetInteger("cpus")),
        memory_(context.settings().GetInteger("memory")),
        jobs_(std::make_shared<Jobs>(context.runtime())) {
    const auto* given = dynamic_cast<const swarm::ExecutorParameters*>(context.parameters());
    if (given != nullptr) hostname_ = given->hostname;
  }
  ~TimerExecutor() override { jobs_->loop().Stop(); }

  void* role() noexcept override { return static_cast<swarm::Executor*>(this); }
  void Start(swarm::Function<void(Status)> done) noexcept override { done(Status::Ok()); }
  void Stop(swarm::Function<void()> done) noexcept override {
    jobs_->loop().Post([jobs = jobs_, done = std::move(done)]() mutable {
      jobs->Clear();
      done();
    });
  }

  void Describe(swarm::Function<void(Result<pb::NodeDescription>)> done) noexcept override {
    pb::NodeDescription description;
    description.set_hostname(hostname_);
    description.mutable_platform()->set_os("linux");
    description.mutable_platform()->set_architecture("x86_64");
    description.mutable_resources()->set_nano_cpus(cpus_ * 1'000'000'000);
    description.mutable_resources()->set_memory_bytes(memory_);
    description.mutable_engine()->set_engine_version("template");
    done(std::move(description));
  }
  void Configure(const pb::Node&) noexcept override {}  // nothing here depends on the node
  Result<std::unique_ptr<swarm::Controller>> NewController(
      const pb::Task& task, std::shared_ptr<const swarm::Dependencies>) noexcept override {
    if (!task.spec().has_container())
      return Status(Code::kInvalidArgument, "executor-template runs container tasks only");
    const pb::ContainerSpec& spec = task.spec().container();
    auto handle = std::make_shared<Handle>();
    handle->task_id = task.id();
    handle->words.assign(spec.command().begin(), spec.command().end());
    handle->words.insert(handle->words.end(), spec.args().begin(), spec.args().end());
    handle->grace = GraceOf(spec);
    handle->job = jobs_->Find(task.id());
    return std::unique_ptr<swarm::Controller>(
        std::make_unique<TimerController>(jobs_, std::move(handle)));
  }
  // Timers have no network to encrypt.
  void SetNetworkKeys(const std::vector<pb::EncryptionKey>&) noexcept override {}

 private:
  const std::int64_t cpus_;
  const std::int64_t memory_;
  std::string hostname_;
  const std::shared_ptr<Jobs> jobs_;
};

Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  return std::unique_ptr<swarm::Instance>(std::make_unique<TimerExecutor>(context));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"executor/1", swarm::Scope::kInstance, "", "", &Create},
};

}  // namespace

SWARM_PLUGIN(executor_template) = {SWARM_PLUGIN_HEADER,
                                   "executor-template",
                                   "0.1.0",
                                   "Runs tasks that are timers",
                                   swarm::Maturity::kAlpha,
                                   kSettings,
                                   std::size(kSettings),
                                   kUnits,
                                   std::size(kUnits)};
