// What the simulated executor is to do: for the whole node by settings, for one task by labels.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "swarm/executor.h"
#include "swarm/runtime.h"
#include "swarm/settings.h"
#include "swarm/status.h"

namespace swarm::executor_sim {

// A delay drawn anew for each use, uniform in [low, high); low when they are equal.
struct DelayRange {
  Duration low{};
  Duration high{};
};

struct SimOptions {
  std::string hostname;
  std::string os = "linux";
  std::string architecture = "x86_64";
  std::int64_t cpus = 4;
  std::int64_t memory_bytes = std::int64_t{8} << 30;
  std::map<std::string, std::string> labels;

  DelayRange prepare;
  DelayRange start;
  DelayRange run;  // zero: until stopped
  DelayRange stop;
  Duration unhealthy_after{};  // zero: stays healthy

  // Out of 1,000.
  std::int64_t prepare_failures = 0;
  std::int64_t start_failures = 0;
  std::int64_t run_failures = 0;
  int failure_exit_code = 1;
};

SimOptions OptionsFromSettings(const Settings& settings);

// What a task writes: `lines` at once when it starts, then one after each `interval`.
struct LogScript {
  std::string text = "line";
  std::int64_t lines = 0;
  Duration interval{};            // zero: none
  std::int64_t stderr_every = 0;  // each so many-th line goes to standard error; 0: none
  std::string error;              // reading fails with it
};

// What the labels "sim.*" of a task's container ask for.
struct Overrides {
  std::optional<Duration> prepare;
  std::optional<Duration> start;
  std::optional<Duration> run;
  std::optional<Duration> stop;
  std::optional<Duration> unhealthy_after;
  std::optional<int> exit_code;
  std::optional<int> stop_exit_code;
  std::string resolve_error;
  std::string prepare_error;
  std::string start_error;
  std::string stop_error;
  LogScript log;
  int prepare_retries = 0;  // so many attempts fail for a time, then it works
};

// Null when the task has no such labels. InvalidArgument names the label that is wrong.
Result<std::shared_ptr<const Overrides>> OverridesFromTask(const pb::Task& task);

// "250ms", "1.5s", "2h", "0".
Result<Duration> ParseDuration(std::string_view text);

}  // namespace swarm::executor_sim
