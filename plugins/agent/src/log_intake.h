// Lines as a task's log source brings them, from any thread, until the loop takes them. What waits
// is bounded: once the room is used up nothing more is kept, and the source is to be opened again
// at the last line that was.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "swarm/executor.h"
#include "swarm/function.h"

namespace swarm::agent {

// Where reading has got to in a task's output.
struct LogMark {
  std::int64_t time = 0;    // of the last line; 0: nothing read
  std::uint64_t lines = 0;  // read with that time
};

// What the readers of one subscription may keep together. Threading: [any].
class LogRoom {
 public:
  explicit LogRoom(std::size_t limit) : limit_(limit) {}
  // False: no room. Where nothing is kept there is room for anything.
  bool Take(std::size_t bytes) {
    const std::size_t used = used_.load();
    if (used != 0 && used + bytes > limit_) return false;
    used_ += bytes;
    return true;
  }
  void Give(std::size_t bytes) { used_ -= bytes; }
  bool half_empty() const { return used_.load() <= limit_ / 2; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

// One opening of a source. Threading: [any] unless tagged.
class LogIntake {
 public:
  // Lines up to `from` have been read before and are left out. `news` is called, on any thread,
  // when there is something to take after there was nothing.
  LogIntake(std::shared_ptr<LogRoom> room, LogMark from, bool out, bool error,
            Function<void()> news);
  ~LogIntake();

  void Line(LogLine line);
  void Done(Status status);
  // Nothing more is taken in.
  void Close();

  struct Taken {
    std::vector<LogLine> lines;
    bool overflown = false;      // lines were left out after these
    std::optional<Status> done;  // the source has ended after these
    LogMark mark;                // of the last line that was kept, wanted or not
  };
  // [loop] At least one line if there is any, and no more than about `bytes`; what follows after
  // the last line only together with it.
  Taken Take(std::size_t bytes);

 private:
  bool Read(const LogLine& line);
  void Keep(LogLine line);
  // Under the lock; the caller calls `news_` when it is true.
  bool Wake() { return !std::exchange(awake_, true); }

  const std::shared_ptr<LogRoom> room_;
  const LogMark from_;
  const bool out_;
  const bool error_;
  Function<void()> news_;

  std::mutex mutex_;  // guards the rest; nothing is called while it is held
  std::uint64_t to_skip_;
  LogMark mark_;
  std::vector<LogLine> lines_;
  std::size_t next_ = 0;  // of lines_
  bool overflown_ = false;
  bool closed_ = false;
  bool awake_ = false;
  std::optional<Status> done_;
};

}  // namespace swarm::agent
