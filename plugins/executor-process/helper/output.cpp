#include "output.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace swarm::executor_process {

OutputLog::OutputLog(std::string folder, std::uint64_t file_size, int file_count,
                     std::int64_t (*clock)())
    : folder_(std::move(folder)),
      limit_(file_size),
      files_(std::max(1, file_count)),
      clock_(clock) {}

void OutputLog::Add(OutputStream& stream, std::string_view data) {
  while (!data.empty()) {
    const std::size_t room = kLongest - stream.pending.size();
    const std::size_t newline = data.substr(0, room).find('\n');
    const bool whole = newline != std::string_view::npos;
    const std::size_t taken = whole ? newline : std::min(room, data.size());
    if (whole && stream.pending.empty()) {
      Record(stream.name, data.substr(0, taken), true);
    } else {
      stream.pending.append(data.substr(0, taken));
      if (whole || stream.pending.size() == kLongest) {
        Record(stream.name, stream.pending, whole);
        stream.pending.clear();
      }
    }
    data.remove_prefix(taken + (whole ? 1 : 0));
  }
  Flush();
}

void OutputLog::End(OutputStream& stream) {
  if (!stream.pending.empty()) Record(stream.name, stream.pending, false);
  stream.pending.clear();
  Flush();
  stream.pending.shrink_to_fit();
}

void OutputLog::Note(std::string_view text) {
  Record("stderr", "swarm-task: " + std::string(text), true);
  Flush();
}

// Never less than the one before, also when the machine's clock is set back.
std::string OutputLog::Stamp() {
  last_time_ = std::max(last_time_, clock_());
  const time_t seconds = last_time_ / 1'000'000'000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + size, sizeof text - size, ".%09dZ", static_cast<int>(last_time_ % 1'000'000'000));
  return text;
}

void OutputLog::Record(const char* stream, std::string_view line, bool whole) {
  std::string record = Stamp() + " " + stream + (whole ? " F " : " P ");
  record += line;
  record += '\n';
  const std::uint64_t before = size_ + batch_.size();
  if (before > 0 && before + record.size() > limit_) {
    Flush();
    // Stays at the old file when there is no room for another.
    if (size_ > 0 && lost_ == 0) OpenNext();
  }
  batch_ += record;
  batch_payload_ += line.size() + (whole ? 1 : 0);
}

bool OutputLog::OpenNext() {
  // The oldest goes first: on a full disk that is what makes room.
  const std::uint64_t next = number_ + 1;
  if (next > static_cast<std::uint64_t>(files_)) {
    unlink((folder_ + "/" + std::to_string(next - static_cast<std::uint64_t>(files_))).c_str());
  }
  Descriptor file(open((folder_ + "/" + std::to_string(next)).c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return false;
  file_ = std::move(file);
  number_ = next;
  size_ = 0;
  return true;
}

void OutputLog::Flush() {
  if (batch_.empty()) return;
  std::string data;
  if (lost_ > 0) {
    data = Stamp() + " stderr F swarm-task: " + std::to_string(lost_) +
           " bytes of output were lost: " + std::strerror(lost_reason_) + "\n";
  }
  data += batch_;
  if ((file_ || OpenNext()) && WriteAll(file_.get(), data)) {
    size_ += data.size();
    lost_ = 0;
  } else {
    lost_reason_ = errno;
    lost_ += batch_payload_;
    // Not half a record.
    if (file_ && ftruncate(file_.get(), static_cast<off_t>(size_)) == 0) {
      lseek(file_.get(), static_cast<off_t>(size_), SEEK_SET);
    }
  }
  batch_.clear();
  batch_payload_ = 0;
  if (batch_.capacity() > 4 * kLongest) batch_.shrink_to_fit();
}

}  // namespace swarm::executor_process
