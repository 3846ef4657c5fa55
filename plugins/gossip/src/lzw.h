// Lempel-Ziv-Welch, as members of a gossip cluster compress: least significant bit first, literals
// of eight bits.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace swarm::gossip {

// Nothing when the bytes are no such thing, or would become more than `limit`.
std::optional<std::string> Expand(std::string_view compressed, std::size_t limit);

}  // namespace swarm::gossip
