// What is on disk about one task's process, and what that means: the truth after any restart.
#pragma once

#include <cstdint>
#include <string>

#include "swarm/files.h"
#include "swarm/status.h"

namespace swarm::executor_process {

// The pid file of the helper program.
struct ProcessRecord {
  std::string boot_id;
  std::int32_t supervisor = 0;
  std::uint64_t supervisor_start = 0;
  std::int32_t process = 0;
  std::uint64_t process_start = 0;
};

enum class ProcessState : std::uint8_t {
  kAbsent,    // nothing prepared
  kPrepared,  // not started
  kRunning,
  kExited,  // and its status is known
  kLost,    // gone without a status: its supervisor was killed, or the machine restarted
};

struct ProcessView {
  ProcessState state = ProcessState::kAbsent;
  ProcessRecord record;  // kRunning, and where known kExited and kLost
  int exit_code = 0;     // kExited; 128 + n for signal n
};

Result<ProcessRecord> ParseRecord(std::string_view text);
Result<int> ParseExit(std::string_view text);

// Threading: [blocking].
class TaskFolder {
 public:
  TaskFolder(FileSystem& files, std::string path) : files_(&files), path_(std::move(path)) {}
  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

  Status Create();
  ProcessView Inspect();
  // Why the command could not be started; empty when that is not known.
  std::string StartError();
  Status Remove();

 private:
  ProcessView InspectOnce();
  FileSystem* files_;
  std::string path_;
};

}  // namespace swarm::executor_process
