// When a task is to be probed and what the results mean, as a Docker Engine does it. Pure: time is
// an argument, in nanoseconds.
#pragma once

#include <cstdint>

#include "plan.h"

namespace swarm::executor_process {

class Health {
 public:
  enum class State : std::uint8_t { kStarting, kHealthy, kUnhealthy };

  // `started`: when the process was.
  Health(const PlanHealth& rules, std::int64_t started)
      : rules_(rules), started_(started), next_(started + Interval(started)) {}

  State state() const { return state_; }
  std::int64_t failures() const { return failures_; }
  // When the next probe is due, while none is under way.
  std::int64_t next() const { return next_; }
  // A probe that was begun at `begun` has ended; whether the state changed.
  bool OnResult(bool good, std::int64_t begun, std::int64_t now);

 private:
  // Probes are more frequent while the task starts.
  std::int64_t Interval(std::int64_t now) const {
    const bool starting = state_ == State::kStarting && now - started_ < rules_.start_period;
    return starting ? rules_.start_interval : rules_.interval;
  }

  const PlanHealth rules_;
  const std::int64_t started_;
  State state_ = State::kStarting;
  std::int64_t failures_ = 0;  // in a row
  std::int64_t next_;
};

const char* NameOf(Health::State state);

}  // namespace swarm::executor_process
