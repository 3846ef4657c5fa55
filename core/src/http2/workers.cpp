#include "http2/workers.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace swarm::http2 {

Workers::Workers(unsigned threads) {
  // They inherit that all signals are blocked: those are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
    pthread_setname_np(threads_.back().native_handle(), "swarm-calls");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Workers::~Workers() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::Post(std::vector<Function<void()>>& jobs) {
  std::size_t wake = 0;
  {
    std::lock_guard lock(mutex_);
    for (auto& job : jobs) jobs_.push_back(std::move(job));
    wake = std::min<std::size_t>(idle_, jobs.size());
  }
  jobs.clear();
  for (; wake > 0; --wake) wake_.notify_one();
}

void Workers::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    while (jobs_.empty() && !ending_) {
      ++idle_;
      wake_.wait(lock);
      --idle_;
    }
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace swarm::http2
