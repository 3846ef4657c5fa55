#include "core/inflights.h"

#include "core/invariant.h"

namespace swarm::raft {

void Inflights::Add(Index last, std::uint64_t bytes) {
  RAFT_INVARIANT(!full(), "nothing is sent through a full window");
  sent_.push_back({last, bytes});
  bytes_ += bytes;
}

void Inflights::FreeUpTo(Index index) {
  while (!sent_.empty() && sent_.front().last <= index) FreeFirst();
}

void Inflights::FreeFirst() {
  if (sent_.empty()) return;
  bytes_ -= sent_.front().bytes;
  sent_.pop_front();
}

void Inflights::clear() {
  sent_.clear();
  bytes_ = 0;
}

}  // namespace swarm::raft
