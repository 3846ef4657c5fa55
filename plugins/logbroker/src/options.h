// The log broker's settings.
#pragma once

#include <cstddef>

#include "swarm/settings.h"

namespace swarm::logbroker {

struct Options {
  std::size_t buffer = 0;
  Duration listener_wait{};

  static Options From(const Settings& settings);
};

extern const SettingDescriptor kSettings[];
extern const std::size_t kSettingCount;

}  // namespace swarm::logbroker
