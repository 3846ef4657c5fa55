// The agent's settings.
#pragma once

#include <cstddef>
#include <cstdint>

#include "swarm/settings.h"

namespace swarm::agent {

struct Options {
  Duration backoff_initial{};
  Duration backoff_maximum{};
  Duration rpc_timeout{};
  Duration describe_interval{};
  Duration retry_initial{};
  Duration retry_maximum{};
  Duration leave_timeout{};
  Duration writer_idle{};
  std::size_t log_buffer = 0;

  static Options From(const Settings& settings);
};

extern const SettingDescriptor kSettings[];
extern const std::size_t kSettingCount;

}  // namespace swarm::agent
