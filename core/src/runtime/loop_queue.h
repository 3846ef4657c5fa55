// The callbacks of one loop and the threads that run them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "swarm/function.h"

namespace swarm::runtime {

class LoopQueue;

// Threads that run whichever loops have work, each loop on one thread at a time.
// Threading: [any].
class WorkPool {
 public:
  // `name` shows in thread names, cut to 15 characters.
  WorkPool(const std::string& name, unsigned threads);
  // What has not begun never does.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  void Submit(std::shared_ptr<LoopQueue> queue);
  // From a thread of the pool that runs nothing else before it looks for work: wakes nobody.
  void Resubmit(std::shared_ptr<LoopQueue> queue);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<LoopQueue>> ready_;  // guarded by mutex_
  unsigned idle_ = 0;                             // guarded by mutex_
  bool closing_ = false;                          // guarded by mutex_
  std::vector<std::thread> threads_;              // last: they use the rest
};

// Order of locks: a queue's mutex is never held while another is taken.
class LoopQueue : public std::enable_shared_from_this<LoopQueue> {
 public:
  // `pool` outlives all use of the queue except its destruction.
  explicit LoopQueue(WorkPool& pool) : pool_(pool) {}

  // [any]
  void Post(Function<void()> fn);
  bool InLoop() const;
  // [any] but the loop itself.
  void Stop();
  // [pool] Runs some of what is queued; a long queue gives way to other loops in between.
  void Run();

 private:
  WorkPool& pool_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::vector<Function<void()>> pending_;  // guarded by mutex_
  bool scheduled_ = false;                 // guarded by mutex_: with the pool, or running
  bool running_ = false;                   // guarded by mutex_
  // Only the running thread: what it took from pending_, and how far it got.
  std::vector<Function<void()>> batch_;
  std::size_t next_ = 0;
};

}  // namespace swarm::runtime
