// Making virtual disks.
#pragma once

#include <cstdint>
#include <memory>

#include "swarm/simulation.h"

namespace swarm::simulation {

// An empty disk with a root folder; what a crash loses follows from the seed.
std::unique_ptr<VirtualDisk> MakeVirtualDisk(std::uint64_t seed);

}  // namespace swarm::simulation
