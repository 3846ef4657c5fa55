// Starting and signalling processes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "swarm/files.h"
#include "swarm/status.h"
#include "system.h"
#include "task_folder.h"

namespace swarm::executor_process {

// The helper program, by `configured` or beside the plugin, in ../bin or ../../../bin from there,
// or beside the running program. NotFound names where it was looked for.
Result<std::string> FindHelper(FileSystem& files, const std::string& configured);

// The helper on its way to the background.
struct LaunchedHelper {
  std::int32_t pid = 0;  // a child, to be waited for with Finish
  Descriptor words;      // what it says
};
Result<LaunchedHelper> Launch(const std::string& helper, const std::string& folder,
                              std::string_view plan);
// [blocking] until the helper has gone to the background. What it had to say.
std::string Finish(LaunchedHelper helper);

// To the task's first process alone, or with the rest of its group; nothing when the number means
// another process by now.
void SignalProcess(const ProcessRecord& record, int signal);
void KillTask(const ProcessRecord& record);

}  // namespace swarm::executor_process
