// A container's output as the engine sends it, made into lines. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine_client/client.h"
#include "swarm/executor.h"
#include "swarm/function.h"

namespace swarm::executor_docker {

// "2026-11-21T05:03:34.641909212Z" in nanoseconds since 1970.
std::optional<std::int64_t> ParseTimestamp(std::string_view text);

// Takes each frame in turn.
class LogLines {
 public:
  // `terminal`: the output has no frames, and pieces end anywhere.
  LogLines(bool terminal, Function<void(LogLine)> line)
      : terminal_(terminal), line_(std::move(line)) {}

  void Add(const engine::Frame& frame);
  // What came without a newline at the end.
  void Finish();
  // What the engine said in place of output; empty when all is well.
  const std::string& error() const { return error_; }

 private:
  // A time, a blank, and what was written.
  void Emit(std::string_view text, bool standard_error);

  const bool terminal_;
  Function<void(LogLine)> line_;
  std::string rest_;  // of a terminal's line
  std::int64_t last_ = 0;
  std::string error_;
};

}  // namespace swarm::executor_docker
