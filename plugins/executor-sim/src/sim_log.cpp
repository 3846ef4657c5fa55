#include "sim_log.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace swarm::executor_sim {
namespace {

// Given out in one turn of the loop.
constexpr int kTurn = 256;

}  // namespace

std::int64_t SimLog::CountAt(WallTime when) const {
  if (when < start_) return 0;
  if (script_.interval <= Duration::zero()) return script_.lines;
  return script_.lines + (when - start_) / script_.interval;
}

// Those of the start are a nanosecond apart.
std::int64_t SimLog::TimeOf(std::int64_t index) const {
  const std::int64_t start = start_.time_since_epoch().count();
  if (index < script_.lines) return start + index;
  return std::max(start + script_.lines,
                  start + (index - script_.lines + 1) * script_.interval.count());
}

void SimLog::Begin(WallTime start, std::optional<WallTime> end, const LogScript& script) {
  if (!script.error.empty()) return Fail({Code::kUnknown, script.error});
  start_ = start;
  end_ = end;
  script_ = script;
  const std::int64_t written = CountAt(end_.value_or(clock_.Now()));
  if (wish_.tail < 0) next_ = std::max<std::int64_t>(0, written - (-wish_.tail - 1));
  if (wish_.since != 0) {
    // The first line not before it; times never go back.
    std::int64_t low = next_;
    std::int64_t high = std::max(written, low);
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (TimeOf(middle) < wish_.since) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    next_ = low;
  }
  Give();
}

void SimLog::Give() {
  if (stopped_ || !done_) return Close();
  giving_ = false;
  timer_.reset();
  const std::int64_t written = CountAt(end_.value_or(clock_.Now()));
  for (int turn = 0; next_ < written && turn < kTurn && !stopped_; ++turn, ++next_) {
    const std::int64_t every = script_.stderr_every;
    line_({TimeOf(next_), every > 0 && (next_ + 1) % every == 0,
           script_.text + " " + std::to_string(next_ + 1) + "\n"});
  }
  if (next_ < written) {
    giving_ = true;
    return loop_.Post([self = shared_from_this()] { self->Give(); });
  }
  if (!wish_.follow || end_) return Fail(Status::Ok());
  Wait();
}

void SimLog::Wait() {
  if (script_.interval <= Duration::zero()) return;
  const std::int64_t now = clock_.Now().time_since_epoch().count();
  timer_ = loop_.After(Duration(std::max<std::int64_t>(1, TimeOf(next_) - now)),
                       [weak = weak_from_this()] {
                         if (auto self = weak.lock()) self->Give();
                       });
}

void SimLog::OnExit(WallTime end) {
  end_ = end;
  if (!giving_) Give();
}

void SimLog::Fail(Status why) {
  auto done = std::exchange(done_, nullptr);
  if (done && !stopped_) done(std::move(why));
  Close();
}

void SimLog::Close() {
  timer_.reset();
  done_ = nullptr;
  line_ = nullptr;
}

}  // namespace swarm::executor_sim
