#include "direct_proxy.h"

#include <string>
#include <utility>

namespace swarm::proxy_direct {
namespace {

// The first line is what SwarmKit's managers say, with its code.
Status NoLeader() {
  return {Code::kUnknown,
          "The swarm does not have a leader. It's possible that too few managers are online. "
          "Make sure more than half of the managers are online.\n"
          "try again once a manager leads; `swarmctl node ls` on any manager shows them"};
}

Status LeaderIsElsewhere(const LeaderInfo& leader) {
  return {Code::kUnavailable,
          "this manager does not lead, and its proxy passes no calls on\n"
          "call the leader, node " +
              leader.node_id + " at " + leader.address +
              ", or configure a proxy that passes calls on"};
}

Status Refusal(const LeaderInfo& leader) {
  return leader.node_id.empty() ? NoLeader() : LeaderIsElsewhere(leader);
}

}  // namespace

void DirectProxy::Unary(CallContextPtr context, Payload request, UnaryReply reply,
                        std::shared_ptr<UnaryHandler> here) noexcept {
  const LeaderInfo leader = consensus_.Leader();
  if (!leader.self) return reply(Refusal(leader));
  here->Handle(std::move(context), std::move(request), std::move(reply));
}

void DirectProxy::Stream(ServerStreamPtr stream, std::shared_ptr<StreamHandler> here) noexcept {
  const LeaderInfo leader = consensus_.Leader();
  if (!leader.self) return stream->Finish(Refusal(leader));
  here->Open(std::move(stream));
}

Result<std::unique_ptr<Instance>> Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* consensus, context.Require<Consensus>(kConsensusRole));
  return std::unique_ptr<Instance>(std::make_unique<DirectProxy>(*consensus));
}

}  // namespace swarm::proxy_direct
