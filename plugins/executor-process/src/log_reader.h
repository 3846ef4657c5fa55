// Reads one task's output, in pieces, on the executor's loop; follows it where asked.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "log_records.h"
#include "process_core.h"
#include "swarm/executor.h"

namespace swarm::executor_process {

struct LogRequest {
  bool follow = false;
  std::int64_t tail = 0;
  std::int64_t since = 0;
};

// Threading: [loop], but for Stop.
class LogReader : public std::enable_shared_from_this<LogReader> {
 public:
  LogReader(std::shared_ptr<ProcessCore> core, TaskFolder folder, LogRequest request,
            Function<void(LogLine)> line, Function<void(Status)> done);

  void Begin();
  // [any] Nothing is called any more, but what has begun.
  void Stop() { stopped_ = true; }

 private:
  void Read();
  void ReadSoon();
  // Whether there is a file after the current one, which is then the current.
  bool Advance();
  void Deliver(std::string_view piece);
  void Watch();
  void End(Status status);
  Function<void()> Wake();

  const std::shared_ptr<ProcessCore> core_;
  TaskFolder folder_;
  const std::string logs_;
  const LogRequest request_;
  Function<void(LogLine)> line_;
  Function<void(Status)> done_;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> woken_ = false;
  LogPosition position_;
  std::unique_ptr<File> file_;
  std::uint64_t skip_ = 0;  // records, from the start
  std::string partial_;     // of a record
  std::unique_ptr<swarm::executor_process::Watch> task_watch_;
  std::unique_ptr<swarm::executor_process::Watch> log_watch_;
  std::unique_ptr<swarm::executor_process::Watch> exit_watch_;
};

}  // namespace swarm::executor_process
