// The dispatcher's settings.
#pragma once

#include <cstddef>
#include <cstdint>

#include "swarm/settings.h"

namespace swarm::dispatcher {

struct Options {
  Duration heartbeat_period{};
  Duration heartbeat_epsilon{};
  std::int64_t grace_multiplier = 0;
  std::int64_t unknown_grace_multiplier = 0;
  Duration rate_limit_window{};
  std::int64_t rate_limit_attempts = 0;
  Duration flush_interval{};
  Duration assignment_interval{};
  Duration orphan_after{};
  Duration manager_poll{};
  std::int64_t manager_weight = 0;

  static Options From(const Settings& settings);
};

extern const SettingDescriptor kSettings[];
extern const std::size_t kSettingCount;

}  // namespace swarm::dispatcher
