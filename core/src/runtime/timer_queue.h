// Pending timers of a runtime and the thread that waits for them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "runtime/loop_queue.h"
#include "swarm/runtime.h"

namespace swarm::runtime {

// One timer. Whoever moves `state` from kPending owns `fn` from then on: the loop runs it, or the
// canceller destroys it.
struct PendingTimer {
  enum State : unsigned char { kPending, kRun, kCancelled };
  using Key = std::pair<SteadyTime, std::uint64_t>;

  std::atomic<State> state = kPending;
  Function<void()> fn;
  std::weak_ptr<LoopQueue> loop;
  Key key;
};

// Threading: [any].
class TimerQueue {
 public:
  TimerQueue();
  // Timers left never fire.
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  void Add(const std::shared_ptr<PendingTimer>& timer, SteadyTime when);
  void Remove(const PendingTimer& timer);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<PendingTimer::Key, std::shared_ptr<PendingTimer>> timers_;  // guarded by mutex_
  std::uint64_t next_ = 0;                                             // guarded by mutex_
  bool closing_ = false;                                               // guarded by mutex_
  std::thread thread_;                                                 // last: it uses the rest
};

// Hands the timer's function to its loop, which runs it unless it is cancelled before.
void Fire(std::shared_ptr<PendingTimer> timer);

SteadyTime SteadyNow();

}  // namespace swarm::runtime
