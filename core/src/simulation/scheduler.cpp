#include "simulation/scheduler.h"

#include <algorithm>

#include "swarm/check.h"

namespace swarm::simulation {

namespace {

// Far above what any sound part does without waiting: reaching it means callbacks that post each
// other forever, which on real threads would be a busy loop.
constexpr std::uint64_t kMaxStepsAtOneTime = 50'000'000;

}  // namespace

void Scheduler::Shutdown() {
  down_ = true;
  auto runnable = std::exchange(runnable_, {});
  auto timers = std::exchange(timers_, {});
  for (auto& loop : runnable) Stop(*loop);
  for (auto& [key, timer] : timers) {
    timer->loop->timers.erase(key);
    auto fn = std::exchange(timer->fn, nullptr);
  }
}

LoopPtr Scheduler::NewLoop(std::string name) {
  auto loop = std::make_shared<LoopState>();
  loop->name = std::move(name);
  return loop;
}

void Scheduler::Post(const LoopPtr& loop, Function<void()> fn) {
  if (loop->stopped || down_) return;
  loop->queue.push_back(std::move(fn));
  if (loop->runnable) return;
  loop->runnable = true;
  runnable_.push_back(loop);
}

void Scheduler::Stop(LoopState& loop) {
  loop.stopped = true;
  // Out of the queue first: destroying a closure may come back here.
  auto dropped = std::exchange(loop.queue, {});
  std::vector<std::shared_ptr<TimerState>> timers;
  for (const TimerKey& key : std::exchange(loop.timers, {})) {
    const auto found = timers_.find(key);
    if (found == timers_.end()) continue;
    timers.push_back(std::move(found->second));
    timers_.erase(found);
  }
  for (auto& timer : timers) auto fn = std::exchange(timer->fn, nullptr);
}

std::shared_ptr<TimerState> Scheduler::After(const LoopPtr& loop, Duration delay,
                                             Function<void()> fn) {
  auto timer = std::make_shared<TimerState>();
  if (loop->stopped || down_) return timer;
  timer->loop = loop;
  timer->fn = std::move(fn);
  if (delay <= Duration::zero()) {
    Fire(timer);
    return timer;
  }
  const SteadyTime end = SteadyTime::max();
  timer->key = {delay > end - now_ ? end : now_ + delay, next_timer_++};
  timers_.emplace(timer->key, timer);
  loop->timers.insert(timer->key);
  return timer;
}

void Scheduler::Cancel(TimerState& timer) {
  if (!timer.loop) return;
  auto fn = std::exchange(timer.fn, nullptr);
  timer.loop->timers.erase(timer.key);
  timers_.erase(timer.key);  // `timer` itself is kept by the caller
}

void Scheduler::Fire(const std::shared_ptr<TimerState>& timer) {
  timer->loop->timers.erase(timer->key);
  timer->key = {SteadyTime::min(), 0};  // in no map any more
  Post(timer->loop, [timer] {
    if (!timer->fn) return;
    auto fn = std::exchange(timer->fn, nullptr);
    fn();
  });
}

bool Scheduler::MoveTime(SteadyTime limit) {
  if (timers_.empty() || timers_.begin()->first.first > limit) return false;
  now_ = timers_.begin()->first.first;
  steps_at_this_time_ = 0;
  while (!timers_.empty() && timers_.begin()->first.first == now_) {
    auto timer = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    Fire(timer);
  }
  return true;
}

bool Scheduler::Step(SteadyTime limit) {
  while (runnable_.empty()) {
    if (!MoveTime(limit)) return false;
  }
  RunNext();
  return true;
}

void Scheduler::RunNext() {
  const std::size_t pick = runnable_.size() == 1 ? 0 : random_.Below(runnable_.size());
  const LoopPtr loop = runnable_[pick];
  Function<void()> fn;
  if (!loop->queue.empty()) {
    fn = std::move(loop->queue.front());
    loop->queue.pop_front();
  }
  if (loop->queue.empty()) {
    loop->runnable = false;
    runnable_[pick] = std::move(runnable_.back());
    runnable_.pop_back();
  }
  if (!fn) return;  // the loop was stopped with work queued
  ++steps_;
  SWARM_CHECK(++steps_at_this_time_ < kMaxStepsAtOneTime,
              "callbacks let virtual time move instead of posting each other forever");
  const LoopState* outer = std::exchange(current_, loop.get());
  SWARM_CHECK(outer == nullptr, "the simulation is not driven from inside a callback");
  fn();
  fn = nullptr;  // what the closure owned dies on its loop
  current_ = nullptr;
}

void Scheduler::AdvanceTo(SteadyTime time) {
  if (time <= now_) return;
  SWARM_CHECK(runnable_.empty() && (timers_.empty() || timers_.begin()->first.first > time),
              "time moves only past what has run");
  now_ = time;
  steps_at_this_time_ = 0;
}

}  // namespace swarm::simulation
