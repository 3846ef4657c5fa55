// What a member of a raft group is told.
#pragma once

#include <chrono>

#include "consensus/options.h"
#include "swarm/runtime.h"
#include "swarm/settings.h"

namespace swarm::raft {

struct MemberOptions {
  consensus::Options log;
  // Tell the group the present address although there is a log.
  bool force_join = false;
  // A leader that was silent for so long is given up; ten ticks, one of which passes between
  // heartbeats.
  Duration election_timeout = std::chrono::seconds(1);
  // Ask before standing for election. Managers of 2021 do not answer everything this needs.
  bool pre_vote = true;
};

inline constexpr int kElectionTicks = 10;

MemberOptions ReadOptions(const Settings& settings, const NodeInfo& node);

}  // namespace swarm::raft
