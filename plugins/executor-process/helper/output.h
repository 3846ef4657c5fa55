// The task's output on disk: files `<folder>/1`, `2` ... of records in the CRI log format,
//   2026-01-31T12:00:00.000000001Z stdout F a line
// where P instead of F marks a piece of a line that goes on. Only the newest files are kept.
// A disk that is full costs output, which is said once it is possible, and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "system.h"

namespace swarm::executor_process {

// What has been read of one of the streams and is not yet a whole line.
struct OutputStream {
  const char* name;  // "stdout", "stderr"
  std::string pending;
};

class OutputLog {
 public:
  // `clock`: nanoseconds since 1970.
  OutputLog(std::string folder, std::uint64_t file_size, int file_count,
            std::int64_t (*clock)() = &WallNanos);

  // Stores the lines that `data` completes.
  void Add(OutputStream& stream, std::string_view data);
  // Stores what is left of a line: the stream has ended.
  void End(OutputStream& stream);
  // A line of swarm-task's own, on stderr.
  void Note(std::string_view text);

  // Longest piece of a line in one record.
  static constexpr std::size_t kLongest = 16 * 1024;

 private:
  void Record(const char* stream, std::string_view line, bool whole);
  void Flush();
  bool OpenNext();
  std::string Stamp();

  const std::string folder_;
  const std::uint64_t limit_;
  const int files_;
  std::int64_t (*const clock_)();
  std::int64_t last_time_ = 0;
  std::uint64_t number_ = 0;  // of the current file; 0: none yet
  Descriptor file_;
  std::uint64_t size_ = 0;
  std::string batch_;  // records to be written in one go
  std::uint64_t batch_payload_ = 0;
  std::uint64_t lost_ = 0;  // bytes of output since the last that could be written
  int lost_reason_ = 0;
};

}  // namespace swarm::executor_process
