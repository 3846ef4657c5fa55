// Virtual time and the order in which everything runs. Loops are queues; each step runs the next
// callback of a loop that the seed picks. When no loop has work, time jumps to the next timer.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/seeded_random.h"
#include "swarm/function.h"
#include "swarm/runtime.h"

namespace swarm::simulation {

struct TimerState;
// Timers of one moment fire in the order they were set.
using TimerKey = std::pair<SteadyTime, std::uint64_t>;

// A loop's queue. Lives on in the schedule after its Loop object is gone.
struct LoopState {
  std::string name;
  std::deque<Function<void()>> queue;
  bool stopped = false;
  bool runnable = false;  // listed in Scheduler::runnable_
  std::set<TimerKey> timers;
};
using LoopPtr = std::shared_ptr<LoopState>;

class Scheduler {
 public:
  explicit Scheduler(std::uint64_t seed) : random_(seed) {}
  ~Scheduler() { Shutdown(); }
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  SteadyTime now() const { return now_; }
  std::uint64_t steps() const { return steps_; }
  // The loop whose callback runs now, or null.
  const LoopState* current() const { return current_; }

  LoopPtr NewLoop(std::string name);
  void Post(const LoopPtr& loop, Function<void()> fn);
  // Drops what the loop has queued and its timers; nothing of it runs again.
  void Stop(LoopState& loop);

  std::shared_ptr<TimerState> After(const LoopPtr& loop, Duration delay, Function<void()> fn);
  void Cancel(TimerState& timer);

  // Runs one callback, moving time at most to `limit`; false when that is not possible.
  bool Step(SteadyTime limit);
  // Whether something can run without time moving.
  bool HasWork() const { return !runnable_.empty(); }
  // Moves time forward when nothing is due before.
  void AdvanceTo(SteadyTime time);
  // Drops everything and takes nothing new; closures may still call in while they are dropped.
  void Shutdown();

 private:
  bool MoveTime(SteadyTime limit);
  void RunNext();
  void Fire(const std::shared_ptr<TimerState>& timer);

  SeededRandom random_;
  // Some time after zero, so that a default SteadyTime means "long ago".
  SteadyTime now_{std::chrono::hours(1)};
  std::vector<LoopPtr> runnable_;
  std::map<TimerKey, std::shared_ptr<TimerState>> timers_;
  std::uint64_t next_timer_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t steps_at_this_time_ = 0;
  const LoopState* current_ = nullptr;
  bool down_ = false;
};

struct TimerState {
  LoopPtr loop;
  TimerKey key;
  Function<void()> fn;  // empty once cancelled or run
};

}  // namespace swarm::simulation
