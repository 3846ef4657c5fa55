#include "options.h"

namespace swarm::raft {

MemberOptions ReadOptions(const Settings& settings, const NodeInfo& node) {
  MemberOptions options;
  options.log = consensus::ReadOptions(settings, node);
  options.force_join = node.force_join;
  options.election_timeout = settings.GetDuration("election_timeout");
  options.pre_vote = settings.GetBool("pre_vote");
  return options;
}

}  // namespace swarm::raft
