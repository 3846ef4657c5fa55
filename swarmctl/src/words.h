// How values are shown to people.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/runtime.h"

namespace swarm::ctl {

// "now", "5 minutes ago", "1 week from now".
std::string RelativeTime(WallTime then, WallTime now);
std::string RelativeTime(const google::protobuf::Timestamp& then, WallTime now);
// RFC 3339 in UTC, as many decimals as needed.
std::string AbsoluteTime(const google::protobuf::Timestamp& time);
WallTime ToWallTime(const google::protobuf::Timestamp& time);
// "64 MiB", "1.5 GiB".
std::string IecBytes(std::uint64_t bytes);
// Go's notation.
std::string DurationText(const google::protobuf::Duration& duration);
void SetDuration(Duration duration, google::protobuf::Duration* out);
std::string Join(const std::vector<std::string>& parts, const std::string& separator);
std::string Lower(std::string text);
// Without white space at both ends.
std::string Trim(const std::string& text);
// Those of `known` that `text` is probably meant to be, the nearest first.
std::vector<std::string> NearWords(std::string_view text, const std::vector<std::string>& known);

}  // namespace swarm::ctl
