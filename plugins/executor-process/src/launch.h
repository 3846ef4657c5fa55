// Starting and signalling processes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "swarm/executor.h"
#include "swarm/runtime.h"
#include "swarm/status.h"
#include "task_folder.h"

namespace swarm::executor_process {

// What of a task's specification matters to a process.
struct LaunchSpec {
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::string directory;  // empty: the task's own
  std::string user;       // empty: the executor's
  int stop_signal = 15;
  Duration grace = std::chrono::seconds(10);
};

// InvalidArgument or Unimplemented when a process cannot be what the task asks for.
Result<LaunchSpec> LaunchSpecOf(const pb::Task& task);

// "SIGTERM", "TERM" or "15".
Result<int> ParseSignal(std::string_view text);

// The helper program, by `configured` or beside the plugin, in ../bin or ../../../bin from there,
// or beside the running program. NotFound names where it was looked for.
Result<std::string> FindHelper(FileSystem& files, const std::string& configured);

// [blocking] Runs the helper until it has gone to the background. Unavailable when another helper
// is at work on the folder.
Status Launch(const std::string& helper, const LaunchSpec& spec, TaskFolder& folder);

// To all processes of the task, unless the number means another process by now.
void SignalTask(const ProcessRecord& record, int signal);

}  // namespace swarm::executor_process
