// Where managers agree on how they time elections: a label of the cluster object. Other makes of
// managers carry it along without a meaning.
#pragma once

#include <string_view>

namespace swarm::consensus {

inline constexpr std::string_view kTimingLabel = "swarm.raft.timing";
// With every other value, and without one, upstream's timing is in force.
inline constexpr std::string_view kTimingFast = "fast";
inline constexpr std::string_view kTimingCompatible = "compatible";

}  // namespace swarm::consensus
