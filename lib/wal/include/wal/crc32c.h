// CRC-32C (Castagnoli), as the log's records chain it.
#pragma once

#include <cstdint>
#include <string_view>

namespace swarm::wal {

// The checksum of what `crc` covers followed by `data`; 0 covers nothing.
std::uint32_t ExtendCrc(std::uint32_t crc, std::string_view data);

// The same without the processor's instruction; public so that tests can compare the two.
std::uint32_t ExtendCrcPortable(std::uint32_t crc, std::string_view data);

}  // namespace swarm::wal
