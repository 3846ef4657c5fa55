// A window of appends that were sent and not acknowledged, bounded by count and by bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "core/types.h"

namespace swarm::raft {

class Inflights {
 public:
  // `max_bytes`: 0 is no limit. The byte limit may be passed by the last append.
  Inflights(std::size_t max_count, std::uint64_t max_bytes)
      : max_count_(max_count), max_bytes_(max_bytes) {}

  // `last`: of the append's entries; higher than any before. Not when full.
  void Add(Index last, std::uint64_t bytes);
  // Frees all up to and with `index`.
  void FreeUpTo(Index index);
  void FreeFirst();
  void clear();

  bool full() const {
    return sent_.size() >= max_count_ || (max_bytes_ != 0 && bytes_ >= max_bytes_);
  }
  std::size_t count() const { return sent_.size(); }

 private:
  struct Sent {
    Index last;
    std::uint64_t bytes;
  };

  std::size_t max_count_;
  std::uint64_t max_bytes_;
  std::deque<Sent> sent_;
  std::uint64_t bytes_ = 0;
};

}  // namespace swarm::raft
