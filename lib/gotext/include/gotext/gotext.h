// Texts in Go's notation, which users know from SwarmKit's tools and which scripts compare.
// Threading: [any]; pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::gotext {

// %q: in double quotes, control characters and bytes that are no UTF-8 escaped.
std::string Quote(std::string_view text);

// %g: the shortest digits that read back as `value`; 0.00001 is "1e-05".
std::string ShortestFloat(double value);

// "1h30m0s", "5s", "1.5s", "500ms", "0s".
std::string FormatDuration(Duration duration);
// The same, and any sum of decimal numbers with units ns, us, ms, s, m, h. InvalidArgument `time:
// invalid duration "x"` and so on.
Result<Duration> ParseDuration(std::string_view text);

// The fields of one CSV record; quotes as in RFC 4180. InvalidArgument in encoding/csv's words.
Result<std::vector<std::string>> ParseCsv(std::string_view record);

}  // namespace swarm::gotext
