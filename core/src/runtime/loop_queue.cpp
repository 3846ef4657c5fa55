#include "runtime/loop_queue.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "swarm/check.h"

namespace swarm::runtime {

namespace {

// Callbacks a loop runs before others get their turn.
constexpr std::size_t kTurn = 256;

thread_local const LoopQueue* current_queue = nullptr;

}  // namespace

WorkPool::WorkPool(const std::string& name, unsigned threads) {
  const std::string short_name = name.substr(0, 15);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), short_name.c_str());
  }
}

WorkPool::~WorkPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkPool::Submit(std::shared_ptr<LoopQueue> queue) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(queue));
    wake = idle_ > 0;
  }
  if (wake) wake_.notify_one();
}

void WorkPool::Resubmit(std::shared_ptr<LoopQueue> queue) {
  const std::lock_guard lock(mutex_);
  ready_.push_back(std::move(queue));
}

void WorkPool::Run() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    if (ready_.empty()) {
      ++idle_;
      wake_.wait(lock, [this] { return closing_ || !ready_.empty(); });
      --idle_;
      continue;
    }
    std::shared_ptr<LoopQueue> queue = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    queue->Run();
    queue.reset();
    lock.lock();
  }
}

void LoopQueue::Post(Function<void()> fn) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;  // `fn` is the caller's parameter: destroyed after the lock
    pending_.push_back(std::move(fn));
    wake = !std::exchange(scheduled_, true);
  }
  if (wake) pool_.Submit(shared_from_this());
}

bool LoopQueue::InLoop() const { return current_queue == this; }

void LoopQueue::Stop() {
  SWARM_CHECK(!InLoop(), "a loop is not stopped from its own callbacks");
  std::vector<Function<void()>> dropped;
  std::vector<Function<void()>> dropped_batch;
  std::unique_lock lock(mutex_);
  stopped_ = true;
  dropped.swap(pending_);
  idle_.wait(lock, [this] { return !running_; });
  dropped_batch.swap(batch_);
  next_ = 0;
}

void LoopQueue::Run() {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    running_ = true;
    if (batch_.empty()) batch_.swap(pending_);
  }
  current_queue = this;
  const std::size_t end = std::min(batch_.size(), next_ + kTurn);
  while (next_ < end && !stopped_) {
    Function<void()> fn = std::move(batch_[next_++]);
    fn();
  }
  if (next_ == batch_.size()) {
    batch_.clear();
    next_ = 0;
    // A burst does not keep its memory.
    if (batch_.capacity() > 4 * kTurn) batch_.shrink_to_fit();
  }
  current_queue = nullptr;
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    more = !stopped_ && (!batch_.empty() || !pending_.empty());
    scheduled_ = more;
    // Under the lock: once Stop has seen it, the queue may be gone.
    idle_.notify_all();
  }
  if (more) pool_.Resubmit(shared_from_this());
}

}  // namespace swarm::runtime
