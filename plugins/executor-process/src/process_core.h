// The operations on processes. One loop with a thread, for files and for starting; one thread that
// waits for all of them to end.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "exit_watcher.h"
#include "launch.h"
#include "swarm/executor.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "task_folder.h"

namespace swarm::executor_process {

// What a controller is to the core. Belongs to the loop.
struct Handle {
  Handle(std::string id, TaskFolder its_folder, LaunchSpec its_spec)
      : task_id(std::move(id)), folder(std::move(its_folder)), spec(std::move(its_spec)) {}
  const std::string task_id;
  TaskFolder folder;
  LaunchSpec spec;
  StepDone done;                // of the operation under way
  std::uint64_t operation = 0;  // its number
  std::unique_ptr<Timer> kill;

  std::mutex mutex;
  std::optional<pb::ContainerStatus> status;  // guarded by mutex
};
using HandlePtr = std::shared_ptr<Handle>;

// Threading: [loop] unless tagged.
class ProcessCore : public std::enable_shared_from_this<ProcessCore> {
 public:
  ProcessCore(Runtime& runtime, Logger logger, std::string state_dir);

  // [main] Before anything else; NotFound when there is no helper program.
  Status Start(const std::string& configured_helper);
  // [main] Lets go of the processes, which run on. Idempotent.
  void Stop();
  // [any]
  Loop& loop() { return *loop_; }
  FileSystem& files() { return files_; }
  std::string FolderOf(const std::string& task_id) const { return state_dir_ + "/" + task_id; }

  void Prepare(const HandlePtr& handle, StepDone done);
  void Begin(const HandlePtr& handle, StepDone done);
  void Wait(const HandlePtr& handle, StepDone done);
  void Shutdown(const HandlePtr& handle, StepDone done);
  void Terminate(const HandlePtr& handle, StepDone done);
  void Remove(const HandlePtr& handle, StepDone done);
  void Cancel(const HandlePtr& handle);
  // Brings what ContainerStatus tells up to date.
  ProcessView Look(const HandlePtr& handle);

 private:
  // What is to be done once the process has ended.
  enum class Then : std::uint8_t { kTellOutcome, kTellStopped, kRemove };
  void Enter(const HandlePtr& handle, StepDone done);
  void End(const HandlePtr& handle, StepResult result);
  void Await(const HandlePtr& handle, Then then);
  void Settle(const HandlePtr& handle, Then then, const ProcessView& view);
  StepResult Outcome(const HandlePtr& handle, const ProcessView& view);

  Logger logger_;
  FileSystem& files_;
  const std::string state_dir_;
  std::string helper_;
  ExitWatcher watcher_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace swarm::executor_process
