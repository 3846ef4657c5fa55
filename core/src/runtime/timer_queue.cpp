#include "runtime/timer_queue.h"

#include <pthread.h>

#include <vector>

namespace swarm::runtime {

SteadyTime SteadyNow() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return SteadyTime(std::chrono::duration_cast<Duration>(now));
}

void Fire(std::shared_ptr<PendingTimer> timer) {
  const auto loop = timer->loop.lock();
  if (!loop) return;
  loop->Post([timer = std::move(timer)] {
    auto expected = PendingTimer::kPending;
    if (!timer->state.compare_exchange_strong(expected, PendingTimer::kRun)) return;
    auto fn = std::move(timer->fn);
    timer->fn = nullptr;
    fn();
  });
}

TimerQueue::TimerQueue() : thread_([this] { Run(); }) {
  pthread_setname_np(thread_.native_handle(), "swarm-timers");
}

TimerQueue::~TimerQueue() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void TimerQueue::Add(const std::shared_ptr<PendingTimer>& timer, SteadyTime when) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    timer->key = {when, next_++};
    timers_.emplace(timer->key, timer);
    first = timers_.begin()->second == timer;
  }
  if (first) wake_.notify_one();
}

void TimerQueue::Remove(const PendingTimer& timer) {
  std::shared_ptr<PendingTimer> removed;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  const auto found = timers_.find(timer.key);
  if (found == timers_.end() || found->second.get() != &timer) return;
  removed = std::move(found->second);
  timers_.erase(found);
}

void TimerQueue::Run() {
  std::vector<std::shared_ptr<PendingTimer>> due;
  std::unique_lock lock(mutex_);
  while (!closing_) {
    if (timers_.empty()) {
      wake_.wait(lock);
      continue;
    }
    const SteadyTime now = SteadyNow();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      due.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    if (due.empty()) {
      wake_.wait_until(lock, std::chrono::steady_clock::time_point(
                                 timers_.begin()->first.first.time_since_epoch()));
      continue;
    }
    lock.unlock();
    for (auto& timer : due) Fire(std::move(timer));
    due.clear();
    lock.lock();
  }
}

}  // namespace swarm::runtime
