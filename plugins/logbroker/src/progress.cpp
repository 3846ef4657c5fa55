#include "progress.h"

#include <algorithm>

namespace swarm::logbroker {
namespace {

constexpr std::int64_t kNanosASecond = 1'000'000'000;

}  // namespace

bool Progress::Accept(const pb::LogMessage& line) {
  // Lines without a time cannot be told from each other.
  if (!line.has_timestamp()) return true;
  const std::int64_t time = line.timestamp().seconds() * kNanosASecond + line.timestamp().nanos();
  Mark& mark = marks_[line.context().task_id()];
  if (mark.repeating) {
    if (time < mark.time) return false;
    if (time == mark.time && mark.to_skip > 0) {
      mark.to_skip -= 1;
      return false;
    }
    mark.repeating = false;
  }
  mark.lines_then = time == mark.time ? mark.lines_then + 1 : 1;
  mark.time = time;
  if (mark.node_id.empty()) mark.node_id = line.context().node_id();
  return true;
}

std::optional<std::int64_t> Progress::Restart(const std::string& node_id) {
  std::optional<std::int64_t> since;
  for (auto& [task_id, mark] : marks_) {
    if (mark.node_id != node_id) continue;
    mark.repeating = true;
    mark.to_skip = mark.lines_then;
    since = std::min(since.value_or(mark.time), mark.time);
  }
  return since;
}

}  // namespace swarm::logbroker
