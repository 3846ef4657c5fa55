// Tells when processes end, whether or not they are children, and when folders change: one thread
// for any number of them, a descriptor for each process, and no SIGCHLD.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "swarm/function.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::executor_process {

// Destroying it ends the watch; a callback under way may still end. Threading: [any].
class Watch {
 public:
  virtual ~Watch() = default;
};

// Threading: [any]. Callbacks run on the watcher's thread and must not block.
class Watcher {
 public:
  explicit Watcher(Runtime& runtime);
  ~Watcher();

  Status Start();
  // Afterwards nothing is called. Idempotent.
  void Stop();

  // Calls `ended` once, when the process is gone. Null when it is gone already or cannot be
  // watched; then nothing is called. A start time of 0 is that of any: for own children, whose
  // number nobody else gets before they are waited for.
  std::unique_ptr<Watch> Exit(std::int32_t pid, std::uint64_t start_time, Function<void()> ended);
  // Calls `changed` whenever files in the folder are written, made or renamed, or it is removed.
  std::unique_ptr<Watch> Folder(const std::string& path, Function<void()> changed);

 private:
  class State;
  const std::shared_ptr<State> state_;
  std::unique_ptr<Loop> thread_;
};

}  // namespace swarm::executor_process
