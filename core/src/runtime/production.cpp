#include "runtime/production.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <thread>
#include <utility>

#include "runtime/linux_files.h"
#include "runtime/loop_queue.h"
#include "runtime/timer_queue.h"
#include "runtime/xoshiro.h"
#include "swarm/check.h"

namespace swarm {

namespace runtime {

namespace {

void FillFromKernel(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    SWARM_CHECK(got > 0 || errno == EINTR, "the kernel gives random bytes");
    if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
  }
}

class MachineClock final : public Clock {
 public:
  WallTime Now() const noexcept override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
  SteadyTime SteadyNow() const noexcept override { return runtime::SteadyNow(); }
};

class MachineRandom final : public Random {
 public:
  std::uint64_t Next() noexcept override { return generator_.Next(); }
  void Fill(std::span<std::byte> out) noexcept override { FillFromKernel(out); }

 private:
  static std::uint64_t Seed() {
    std::uint64_t seed = 0;
    FillFromKernel(std::as_writable_bytes(std::span(&seed, 1)));
    return seed;
  }
  Xoshiro generator_{Seed()};
};

class MachineTimer final : public Timer {
 public:
  MachineTimer(TimerQueue& timers, std::shared_ptr<PendingTimer> timer)
      : timers_(timers), timer_(std::move(timer)) {}
  ~MachineTimer() override {
    auto expected = PendingTimer::kPending;
    if (!timer_->state.compare_exchange_strong(expected, PendingTimer::kCancelled)) return;
    timers_.Remove(*timer_);
    timer_->fn = nullptr;
  }

 private:
  TimerQueue& timers_;
  const std::shared_ptr<PendingTimer> timer_;
};

class MachineLoop final : public Loop {
 public:
  MachineLoop(TimerQueue& timers, WorkPool& shared)
      : timers_(timers), queue_(std::make_shared<LoopQueue>(shared)) {}
  MachineLoop(TimerQueue& timers, const std::string& name)
      : timers_(timers),
        own_(std::make_unique<WorkPool>(name, 1)),
        queue_(std::make_shared<LoopQueue>(*own_)) {}
  ~MachineLoop() override { queue_->Stop(); }

  void Post(Function<void()> fn) noexcept override { queue_->Post(std::move(fn)); }
  std::unique_ptr<Timer> After(Duration delay, Function<void()> fn) noexcept override {
    auto timer = std::make_shared<PendingTimer>();
    timer->fn = std::move(fn);
    timer->loop = queue_;
    if (delay <= Duration::zero()) {
      Fire(timer);
    } else {
      const SteadyTime now = SteadyNow();
      timers_.Add(timer, delay > SteadyTime::max() - now ? SteadyTime::max() : now + delay);
    }
    return std::make_unique<MachineTimer>(timers_, std::move(timer));
  }
  bool InLoop() const noexcept override { return queue_->InLoop(); }
  void Stop() noexcept override { queue_->Stop(); }

 private:
  TimerQueue& timers_;
  const std::unique_ptr<WorkPool> own_;  // of a blocking loop; null: shared
  const std::shared_ptr<LoopQueue> queue_;
};

class MachineRuntime final : public Runtime {
 public:
  explicit MachineRuntime(unsigned threads)
      : files_(MakeLinuxFileSystem()), pool_("swarm-loops", threads) {}

  const Clock& clock() const noexcept override { return clock_; }
  FileSystem& files() noexcept override { return *files_; }
  std::unique_ptr<Loop> NewLoop(std::string_view name, LoopKind kind) noexcept override {
    if (kind == LoopKind::kShared) return std::make_unique<MachineLoop>(timers_, pool_);
    return std::make_unique<MachineLoop>(timers_, std::string(name));
  }
  std::unique_ptr<Random> NewRandom() noexcept override {
    return std::make_unique<MachineRandom>();
  }

 private:
  const MachineClock clock_;
  const std::unique_ptr<FileSystem> files_;
  WorkPool pool_;
  TimerQueue timers_;  // after the pool: its thread posts to loops
};

}  // namespace

}  // namespace runtime

std::unique_ptr<Runtime> MakeRuntime(RuntimeOptions options) {
  // The transports and the disk have threads of their own: half the processors for the loops leave
  // the others to them, which on two processors is worth a tenth of the write rate.
  const unsigned threads =
      options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency() / 2);
  return std::make_unique<runtime::MachineRuntime>(threads);
}

}  // namespace swarm
