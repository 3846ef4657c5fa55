#include "options.h"

#include <string>

namespace swarm::raft {

MemberOptions ReadOptions(const Settings& settings, const NodeInfo& node) {
  MemberOptions options;
  options.log = consensus::ReadOptions(settings, node);
  options.force_join = node.force_join;
  options.election_timeout = settings.GetDuration("election_timeout");
  options.pre_vote = settings.GetBool("pre_vote");
  options.heartbeat_tick = static_cast<int>(settings.GetInteger("heartbeat_tick"));
  options.election_tick = static_cast<int>(settings.GetInteger("election_tick"));
  return options;
}

Status CheckOptions(const MemberOptions& options) {
  const int heartbeat = options.heartbeat_tick > 0 ? options.heartbeat_tick : 1;
  const int election = options.election_tick > 0 ? options.election_tick : kElectionTicks;
  if (election > heartbeat) return Status::Ok();
  return {Code::kInvalidArgument,
          "election_tick (" + std::to_string(election) + ") must be greater than heartbeat_tick (" +
              std::to_string(heartbeat) + "): a leader would be given up between two heartbeats"};
}

}  // namespace swarm::raft
