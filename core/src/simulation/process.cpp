#include "simulation/process.h"

#include <algorithm>
#include <utility>

#include "swarm/check.h"

namespace swarm::simulation {

namespace {

constexpr WallTime kStart = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(std::shared_ptr<MachineCore> core) : core_(std::move(core)) {}
  WallTime Now() const noexcept override {
    return kStart + core_->scheduler->now().time_since_epoch() + core_->clock_jump;
  }
  SteadyTime SteadyNow() const noexcept override { return core_->scheduler->now(); }

 private:
  const std::shared_ptr<MachineCore> core_;
};

class VirtualTimer final : public Timer {
 public:
  VirtualTimer(std::shared_ptr<Scheduler> scheduler, std::shared_ptr<TimerState> state)
      : scheduler_(std::move(scheduler)), state_(std::move(state)) {}
  ~VirtualTimer() override { scheduler_->Cancel(*state_); }

 private:
  const std::shared_ptr<Scheduler> scheduler_;
  const std::shared_ptr<TimerState> state_;
};

class VirtualLoop final : public Loop {
 public:
  VirtualLoop(std::shared_ptr<Scheduler> scheduler, LoopPtr state)
      : scheduler_(std::move(scheduler)), state_(std::move(state)) {}
  ~VirtualLoop() override { scheduler_->Stop(*state_); }

  void Post(Function<void()> fn) noexcept override { scheduler_->Post(state_, std::move(fn)); }
  std::unique_ptr<Timer> After(Duration delay, Function<void()> fn) noexcept override {
    return std::make_unique<VirtualTimer>(scheduler_,
                                          scheduler_->After(state_, delay, std::move(fn)));
  }
  bool InLoop() const noexcept override { return scheduler_->current() == state_.get(); }
  void Stop() noexcept override {
    SWARM_CHECK(!InLoop() || state_->stopped, "a loop is not stopped from its own callbacks");
    scheduler_->Stop(*state_);
  }

 private:
  const std::shared_ptr<Scheduler> scheduler_;
  const LoopPtr state_;
};

// A process's way to its machine's disk, cut when it dies.
class ProcessFiles final : public FileSystem {
 public:
  ProcessFiles(FileSystem& disk, std::shared_ptr<const bool> alive)
      : disk_(disk), alive_(std::move(alive)) {}

  Result<std::unique_ptr<File>> Open(std::string_view path, OpenOptions o) noexcept override {
    if (!*alive_) return Dead(path);
    return disk_.Open(path, o);
  }
  Status Rename(std::string_view from, std::string_view to) noexcept override {
    return *alive_ ? disk_.Rename(from, to) : Dead(from);
  }
  Status Remove(std::string_view path) noexcept override {
    return *alive_ ? disk_.Remove(path) : Dead(path);
  }
  Status RemoveAll(std::string_view path) noexcept override {
    return *alive_ ? disk_.RemoveAll(path) : Dead(path);
  }
  Status CreateDirectory(std::string_view path, unsigned permissions) noexcept override {
    return *alive_ ? disk_.CreateDirectory(path, permissions) : Dead(path);
  }
  Result<std::vector<std::string>> List(std::string_view path) noexcept override {
    if (!*alive_) return Dead(path);
    return disk_.List(path);
  }
  bool Exists(std::string_view path) noexcept override { return *alive_ && disk_.Exists(path); }
  Status SyncDirectory(std::string_view path) noexcept override {
    return *alive_ ? disk_.SyncDirectory(path) : Dead(path);
  }

 private:
  static Status Dead(std::string_view path) {
    return {Code::kCancelled, std::string(path) + ": the process has ended"};
  }

  FileSystem& disk_;
  const std::shared_ptr<const bool> alive_;
};

}  // namespace

Process::Process(std::shared_ptr<MachineCore> core, FileSystem& disk)
    : core_(std::move(core)),
      alive_(std::make_shared<bool>(true)),
      clock_(std::make_unique<VirtualClock>(core_)),
      files_(std::make_unique<ProcessFiles>(disk, alive_)) {}

Process::~Process() = default;

std::unique_ptr<Loop> Process::NewLoop(std::string_view name, LoopKind) noexcept {
  auto state = core_->scheduler->NewLoop(core_->name + "/" + std::string(name));
  if (loops_.size() >= prune_at_) {
    std::erase_if(loops_, [](const auto& loop) { return loop.expired(); });
    prune_at_ = std::max<std::size_t>(64, loops_.size() * 2);
  }
  if (alive()) {
    loops_.push_back(state);
  } else {
    core_->scheduler->Stop(*state);
  }
  return std::make_unique<VirtualLoop>(core_->scheduler, std::move(state));
}

std::unique_ptr<Random> Process::NewRandom() noexcept {
  return std::make_unique<SeededRandom>(core_->seeds.Next());
}

void Process::DropCallbacks() {
  auto loops = std::exchange(loops_, {});
  // All are closed before anything is destroyed, so that what is dropped cannot reach another.
  for (auto& weak : loops) {
    if (auto loop = weak.lock()) loop->stopped = true;
  }
  for (auto& weak : loops) {
    if (auto loop = weak.lock()) core_->scheduler->Stop(*loop);
  }
}

}  // namespace swarm::simulation
