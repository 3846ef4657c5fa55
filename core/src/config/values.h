// Values of settings: from the text of a YAML scalar, and back for messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "swarm/export.h"
#include "swarm/runtime.h"

namespace swarm::config {

// "250ms", "1h30m", "1.5s", "0". Units: ns us ms s m h. Nothing when it is none.
SWARM_EXPORT std::optional<Duration> ParseDuration(std::string_view text);
// "64MiB", "1.5GiB", "10MB", "4096". Nothing when it is none.
SWARM_EXPORT std::optional<std::int64_t> ParseBytes(std::string_view text);
SWARM_EXPORT std::optional<std::int64_t> ParseInteger(std::string_view text);
// "true" or "false".
SWARM_EXPORT std::optional<bool> ParseBool(std::string_view text);

// In the largest unit that needs no fraction: "90s", "64MiB".
SWARM_EXPORT std::string FormatDuration(Duration value);
SWARM_EXPORT std::string FormatBytes(std::int64_t value);

}  // namespace swarm::config
