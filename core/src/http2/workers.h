// The threads on which calls are handed to their handlers, so that one that takes its time does not
// hold up the sockets.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "swarm/function.h"

namespace swarm::http2 {

// Threading: [any]. Destroyed on none of its own threads, after what was posted is done.
class Workers {
 public:
  explicit Workers(unsigned threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // In order, as threads are free. Empties `jobs`.
  void Post(std::vector<Function<void()>>& jobs);

 private:
  void Work();

  std::mutex mutex_;  // guards the next three
  std::condition_variable wake_;
  std::deque<Function<void()>> jobs_;
  unsigned idle_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace swarm::http2
