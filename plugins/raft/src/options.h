// What a member of a raft group is told.
#pragma once

#include <chrono>

#include "consensus/options.h"
#include "swarm/runtime.h"
#include "swarm/settings.h"
#include "swarm/status.h"

namespace swarm::raft {

struct MemberOptions {
  consensus::Options log;
  // Tell the group the present address although there is a log.
  bool force_join = false;
  // The fast profile: a leader that was silent for so long is given up, and heartbeats come ten
  // times as often.
  Duration election_timeout = std::chrono::seconds(1);
  // Members ask before they stand for election. There is no fast profile without it: in the middle
  // of a switch those that stand more often could keep those that have more from being elected.
  bool pre_vote = true;
  // In ticks of a second as upstream counts, 0: not given. Given, the group never is fast.
  int heartbeat_tick = 0;
  int election_tick = 0;

  bool never_fast() const { return !pre_vote || heartbeat_tick > 0 || election_tick > 0; }
};

inline constexpr int kElectionTicks = 10;

MemberOptions ReadOptions(const Settings& settings, const NodeInfo& node);
// InvalidArgument when heartbeats would come too late to keep a leader.
Status CheckOptions(const MemberOptions& options);

}  // namespace swarm::raft
