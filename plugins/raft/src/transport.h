// How a member's words reach the others. What is said here is a request to try: raft says again
// what got lost.
#pragma once

#include <vector>

#include "core/types.h"
#include "swarm/function.h"
#include "swarm/status.h"
#include "swarmkit/v1/raft.pb.h"
#include "timing_rpc.h"

namespace swarm::raft {

// What a transport tells, from any thread.
struct TransportEvents {
  // A message to that member may have got lost.
  Function<void(RaftId)> unreachable;
  // What became of the snapshot sent to it.
  Function<void(RaftId, bool arrived)> snapshot;
  // It was reached, or could not be.
  Function<void(RaftId, bool active)> activity;
  // The group says that this member was removed from it.
  Function<void()> removed;
};

// Threading: [any], one call at a time. After Stop nothing is told any more.
class Transport {
 public:
  virtual ~Transport() = default;
  // The members to be reached, without oneself; new addresses count from the next connection on.
  virtual void SetMembers(const std::vector<docker::swarmkit::v1::RaftMember>& members) = 0;
  virtual void Send(Message message) = 0;
  // Finds out whether these members can be reached, and tells.
  virtual void Probe(const std::vector<RaftId>& members) = 0;
  // [any] Asks a member how it times elections; `done` on any thread, once, in a few seconds at
  // most. Silent also when there is no such member.
  virtual void AskTiming(RaftId member, Function<void(TimingAnswer)> done) = 0;
  virtual void Stop() = 0;
};

}  // namespace swarm::raft
