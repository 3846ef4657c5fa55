// Logs of tasks, as they come.
#pragma once

#include <string>
#include <vector>

#include "command.h"
#include "swarm/status.h"
#include "swarmkit/v1/logbroker.pb.h"

namespace swarm::ctl {

std::vector<FlagSpec> LogFlags();
inline constexpr const char* kLogsAbout =
    "Every message is shown as `service.slot@node> text`, on the stream it was written to. Without "
    "--follow,\nends when everything written so far has been shown.";

// What `selector` names, as the command's flags ask, which are LogFlags().
Status ShowLogs(Invocation& run, const pb::LogSelector& selector);

// What --since says: a time in RFC 3339, seconds since 1970, or how long ago (10m).
Result<google::protobuf::Timestamp> ParseSince(const std::string& text, WallTime now);
// What --tail says, as the protocol counts.
Result<std::int64_t> ParseTail(const std::string& text);

}  // namespace swarm::ctl
