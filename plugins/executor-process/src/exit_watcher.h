// Tells when processes end, whether or not they are children: one thread and one descriptor each
// for any number of them, and no SIGCHLD.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::executor_process {

// Threading: [any].
class ExitWatcher {
 public:
  explicit ExitWatcher(Runtime& runtime);
  ~ExitWatcher();

  Status Start();
  // Afterwards nothing is called. Idempotent.
  void Stop();

  // Calls `ended` on the watcher's thread once the process is gone; false when it is gone already
  // (then nothing is called).
  bool Watch(std::int32_t pid, std::uint64_t start_time, Function<void()> ended);

 private:
  void Run();
  void Fire(int descriptor);

  std::unique_ptr<Loop> thread_;
  int epoll_ = -1;
  int wake_ = -1;
  std::mutex mutex_;
  bool stopping_ = false;                      // guarded by mutex_
  std::map<int, Function<void()>> callbacks_;  // by descriptor; guarded by mutex_
};

}  // namespace swarm::executor_process
