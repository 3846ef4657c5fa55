#include "health.h"

namespace swarm::executor_process {

bool Health::OnResult(bool good, std::int64_t begun, std::int64_t now) {
  const State before = state_;
  if (good) {
    failures_ = 0;
    state_ = State::kHealthy;
  } else if (state_ != State::kStarting || begun - started_ >= rules_.start_period) {
    // While the task is given time to start, failures do not count.
    if (++failures_ >= rules_.retries) state_ = State::kUnhealthy;
  }
  next_ = now + Interval(now);
  return state_ != before;
}

const char* NameOf(Health::State state) {
  switch (state) {
    case Health::State::kStarting:
      return "starting";
    case Health::State::kHealthy:
      return "healthy";
    case Health::State::kUnhealthy:
      return "unhealthy";
  }
  return "";
}

}  // namespace swarm::executor_process
