// Between the runtime's times and those of objects.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>

#include "swarm/runtime.h"
#include "swarm/task.h"

namespace swarm::component {

inline TaskTime ToTaskTime(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {seconds.time_since_epoch().count(), static_cast<std::int32_t>((time - seconds).count()),
          true};
}

inline WallTime ToWallTime(const TaskTime& time) {
  return WallTime(std::chrono::seconds(time.seconds) + std::chrono::nanoseconds(time.nanos));
}

inline void SetTimestamp(WallTime time, google::protobuf::Timestamp* out) {
  const TaskTime value = ToTaskTime(time);
  out->set_seconds(value.seconds);
  out->set_nanos(value.nanos);
}

inline Duration ToDuration(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + std::chrono::nanoseconds(duration.nanos());
}

}  // namespace swarm::component
