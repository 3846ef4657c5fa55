// What callers hear when their call reaches no leader.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "swarm/consensus.h"
#include "swarm/rpc.h"

namespace swarm::proxy_raft {

// SwarmKit's text first, then who is missing and what to do.
Status NoLeader(const std::vector<Member>& members);
// A call that was passed on before is not passed on again: managers that take each other for the
// leader would send it around for ever. OK: it was not.
Status CheckFirstHop(const Metadata& metadata);
// Too few of the members answer for any leader to be elected. Somebody who has just gone, or was
// not spoken to yet, may come back.
bool LacksQuorum(const std::vector<Member>& members);
// The call failed before its handler saw it, so that it can be made once more.
bool NeverArrived(const Status& status);
// A method that changes nothing, so that a call of unknown outcome can be made once more.
bool OnlyReads(std::string_view method);

}  // namespace swarm::proxy_raft
