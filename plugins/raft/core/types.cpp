#include "core/types.h"

namespace swarm::raft {
namespace {

std::size_t VarintBytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80; value >>= 7U) ++bytes;
  return bytes;
}

}  // namespace

std::size_t EncodedBytes(const Entry& entry) {
  // Three scalars with a byte of tag each; they are written even when zero.
  std::size_t bytes = 3 + VarintBytes(static_cast<std::uint64_t>(entry.type)) +
                      VarintBytes(entry.term.value()) + VarintBytes(entry.index.value());
  if (entry.data) bytes += 1 + VarintBytes(entry.data->size()) + entry.data->size();
  return bytes;
}

}  // namespace swarm::raft
