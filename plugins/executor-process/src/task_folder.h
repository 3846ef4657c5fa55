// What is on disk about one task's process, and what that means: the truth after any restart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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
  kStarting,  // a helper is at work and has not said yet what came of it
  kRunning,
  kExited,  // and its status is known
  kFailed,  // could not be started
  kLost,    // gone without a status: its supervisor was killed, or the machine restarted
};

struct ExitStatus {
  int code = 0;  // 128 + n for signal n
  bool out_of_memory = false;
};

struct ProcessView {
  ProcessState state = ProcessState::kAbsent;
  ProcessRecord record;  // kRunning, and where known kExited and kLost
  ExitStatus exit;       // kExited
  std::string error;     // kFailed
};

struct HealthView {
  std::string state;  // "starting", "healthy", "unhealthy"; empty: not known
  std::string words;  // of the probe that led there
};

Result<ProcessRecord> ParseRecord(std::string_view text);
Result<ExitStatus> ParseExit(std::string_view text);

// Threading: [blocking].
class TaskFolder {
 public:
  TaskFolder(FileSystem& files, std::string path) : files_(&files), path_(std::move(path)) {}
  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

  Status Create();
  ProcessView Inspect();
  HealthView Health();
  Status Remove();

 private:
  ProcessView InspectOnce();
  // Whether a supervisor is at work.
  bool Locked() const;
  FileSystem* files_;
  std::string path_;
};

}  // namespace swarm::executor_process
