// The operations on processes. One loop with a thread, for files; one thread that waits for all of
// them to end. A running task costs a descriptor and no thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launch.h"
#include "setup.h"
#include "swarm/executor.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "task_folder.h"
#include "watcher.h"

namespace swarm::executor_process {

// What an operation waits for.
enum class Then : std::uint8_t { kHealthy, kTellOutcome, kTellStopped, kTellUnhealthy, kRemove };

// What a controller is to the core. Belongs to the loop.
struct Handle {
  Handle(std::string id, TaskFolder its_folder)
      : task_id(std::move(id)), folder(std::move(its_folder)) {}
  const std::string task_id;
  TaskFolder folder;
  TaskManners manners;
  // What is needed to start it; dropped once it has been.
  struct Beginning {
    std::string plan;
    std::vector<TaskSetup::Source> sources;
    std::shared_ptr<const Dependencies> dependencies;
  };
  std::unique_ptr<Beginning> beginning;

  StepDone done;                // of the operation under way
  std::uint64_t operation = 0;  // its number
  std::optional<Then> waiting;
  bool launching = false;
  Function<void(const std::string&)> launched;  // gets what the helper said
  std::unique_ptr<Timer> kill;
  std::unique_ptr<Watch> exit_watch;
  std::unique_ptr<Watch> health_watch;

  std::mutex mutex;
  std::optional<pb::ContainerStatus> status;  // guarded by mutex
  std::unique_ptr<pb::PortStatus> ports;      // guarded by mutex
};
using HandlePtr = std::shared_ptr<Handle>;

// Threading: [loop] unless tagged.
class ProcessCore : public std::enable_shared_from_this<ProcessCore> {
 public:
  ProcessCore(Runtime& runtime, Logger logger, NodeRules rules, Duration orphans_after);

  // [main] Before anything else; NotFound when there is no helper program.
  Status Start(const std::string& configured_helper);
  // [main] Lets go of the processes, which run on. Idempotent.
  void Stop();
  // [any]
  Loop& loop() { return *loop_; }
  FileSystem& files() { return files_; }
  Watcher& watcher() { return watcher_; }
  // Constant once started.
  const NodeRules& rules() const { return rules_; }
  std::string FolderOf(const std::string& task_id) const {
    return rules_.state_dir + "/tasks/" + task_id;
  }
  // [any] The task has an owner, so its folder is no orphan.
  void Claim(const std::string& task_id);

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
  struct Launching {
    HandlePtr handle;
    LaunchedHelper helper;
    std::unique_ptr<Watch> watch;
  };

  // operations.cpp
  void Enter(const HandlePtr& handle, StepDone done);
  void End(const HandlePtr& handle, StepResult result);
  void Await(const HandlePtr& handle, Then then);
  bool AwaitRunning(const HandlePtr& handle, Then then, const ProcessView& view);
  void StopUnhealthy(const HandlePtr& handle, const ProcessView& view);
  void StopGracefully(const HandlePtr& handle, const ProcessView& view);
  void Settle(const HandlePtr& handle, Then then, const ProcessView& view);
  StepResult Outcome(const HandlePtr& handle, const ProcessView& view);
  Function<void()> Resume(const HandlePtr& handle);
  // Gets what the helper said, if there was one.
  using AfterLaunch = Function<void(const HandlePtr& handle, const std::string& words)>;
  // Runs `then` once no start of the task is under way, unless the operation has ended by then.
  void OnceLaunched(const HandlePtr& handle, AfterLaunch then);
  void EndGroups(const std::string& task_id);

  // process_core.cpp
  Result<std::string> PlanWithFiles(const Handle::Beginning& beginning) const;
  Status StartHelper(const HandlePtr& handle);
  void OnHelperEnded(std::int32_t pid);
  void RemoveEmptyGroups();
  void SweepOrphans();
  void SweepOrphan(const std::string& task_id);

  Logger logger_;
  FileSystem& files_;
  NodeRules rules_;
  const Duration orphans_after_;
  std::string helper_;
  Watcher watcher_;
  std::map<std::int32_t, Launching> launching_;  // by the helper's number
  std::unique_ptr<Timer> sweep_;
  std::mutex mutex_;
  std::set<std::string> claimed_;  // guarded by mutex_; empty once there is no use for it
  bool swept_ = false;             // guarded by mutex_
  bool stopped_ = false;           // [main]
  std::unique_ptr<Loop> loop_;
};

}  // namespace swarm::executor_process
