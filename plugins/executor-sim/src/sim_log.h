// One reading of a simulated task's output. The output is not kept but computed: the time of each
// line follows from the script and the task's start, so a line is the same whenever it is read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "sim_options.h"
#include "swarm/executor.h"
#include "swarm/runtime.h"

namespace swarm::executor_sim {

// Threading: [loop] unless tagged.
class SimLog : public std::enable_shared_from_this<SimLog> {
 public:
  struct Wish {
    bool follow = false;
    std::int64_t tail = 0;
    std::int64_t since = 0;
  };
  SimLog(Loop& loop, const Clock& clock, Wish wish, Function<void(LogLine)> line,
         Function<void(Status)> done)
      : loop_(loop), clock_(clock), wish_(wish), line_(std::move(line)), done_(std::move(done)) {}

  void Begin(WallTime start, std::optional<WallTime> end, const LogScript& script);
  void Fail(Status why);
  void OnExit(WallTime end);
  // [any] Nothing more is given out.
  void Stop() { stopped_ = true; }
  void Close();

 private:
  // Lines written until a moment.
  std::int64_t CountAt(WallTime when) const;
  std::int64_t TimeOf(std::int64_t index) const;
  void Give();
  void Wait();

  Loop& loop_;
  const Clock& clock_;
  const Wish wish_;
  Function<void(LogLine)> line_;
  Function<void(Status)> done_;
  std::atomic<bool> stopped_{false};
  LogScript script_;
  WallTime start_;
  std::optional<WallTime> end_;  // of the task, once it has ended
  std::int64_t next_ = 0;        // line to give out
  bool giving_ = false;
  std::unique_ptr<Timer> timer_;
};

}  // namespace swarm::executor_sim
