// The records of a task's output, and where to begin reading them. Threading: [blocking].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/executor.h"
#include "swarm/files.h"

namespace swarm::executor_process {

// One line of a log file, without its newline; nothing when it is damaged.
std::optional<LogLine> ParseLogRecord(std::string_view record);

// Numbers of the log files in the folder, oldest first.
std::vector<std::uint64_t> ListLogFiles(FileSystem& files, const std::string& folder);
std::string LogFilePath(const std::string& folder, std::uint64_t number);

struct LogPosition {
  std::uint64_t number = 0;  // of the file
  std::uint64_t offset = 0;
};
// Where the last `count` records begin.
LogPosition FindTail(FileSystem& files, const std::string& folder,
                     const std::vector<std::uint64_t>& numbers, std::uint64_t count);

}  // namespace swarm::executor_process
