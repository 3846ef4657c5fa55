// Numbers in base 36, as identifiers and join tokens write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace swarm::pki {

// Lower case, filled with zeros on the left to `width`.
std::string ToBase36(std::string_view big_endian, std::size_t width);
// Exactly `size` bytes; upper case is accepted. Absent: no such number, or too large.
std::optional<std::string> FromBase36(std::string_view text, std::size_t size);

}  // namespace swarm::pki
