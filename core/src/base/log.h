// Making the root logger: where lines go and how they look.
#pragma once

#include <string>

#include "swarm/log.h"
#include "swarm/status.h"

namespace swarm {

enum class LogFormat : unsigned char { kText, kJson };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

// Lines go to standard error.
SWARM_EXPORT Logger MakeLogger(const LogOptions& options);

// "debug", "info", "warn", "error", "fatal", "panic"; else InvalidArgument with SwarmKit's text.
SWARM_EXPORT Result<LogLevel> ParseLogLevel(std::string_view name);

// What protobuf has to say of hostile messages goes to `logger` at debug level instead of to
// standard error: it is the caller's error, and answered as such. Once, before any message is
// parsed.
SWARM_EXPORT void RouteProtobufLog(const Logger& logger);

}  // namespace swarm
