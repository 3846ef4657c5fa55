// The keys that encrypt traffic between nodes: gossip of engines, and their encrypted networks.
// Protocol: SwarmKit's key manager. An engine refuses a subsystem that has not exactly three keys,
// and one that gets only one of the two subsystems crashes. It tells keys apart by their Lamport
// time alone; of a subsystem's three the second oldest encrypts, the others only decrypt.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "swarmkit/v1/objects.pb.h"

namespace swarm::keymanager {

namespace pb = ::docker::swarmkit::v1;

inline constexpr std::size_t kKeysEach = 3;
inline constexpr std::size_t kKeyBytes = 16;
// As many as one change may need: all keys of both subsystems.
inline constexpr std::size_t kFreshKeys = 2 * kKeysEach;

// Gives the next unused key, of kKeyBytes bytes.
using NextKey = std::function<std::string()>;

// Makes `cluster` have exactly kKeysEach keys of each subsystem; whether that changed anything.
// `first_clock`: where the Lamport clock begins in a cluster that has no keys yet.
bool Complete(pb::Cluster* cluster, std::uint64_t first_clock, const NextKey& next);
// Replaces each subsystem's oldest key by a new one. `cluster` is complete.
void Rotate(pb::Cluster* cluster, const NextKey& next);

}  // namespace swarm::keymanager
