// Heap in use, by the machine on whose behalf it was allocated: so that what tasks cost the manager
// is told apart from what they cost the agents in the same process.
#pragma once

#include <cstdint>

namespace swarm::test {

// Whose callback runs; 0 is the test itself.
void SetMemoryOwner(std::uint8_t owner);
std::uint8_t MemoryOwner();
// Bytes allocated by the owner and not freed, as the allocator rounds them.
std::int64_t MemoryOf(std::uint8_t owner);

}  // namespace swarm::test
