// Key functions of the public interfaces: one home for each vtable, so that types compare equal
// across shared objects.
#include "swarm/agent.h"
#include "swarm/ca.h"
#include "swarm/consensus.h"
#include "swarm/executor.h"
#include "swarm/fatal.h"
#include "swarm/files.h"
#include "swarm/leadership.h"
#include "swarm/network.h"
#include "swarm/plugin.h"
#include "swarm/proxy.h"
#include "swarm/rpc.h"
#include "swarm/runtime.h"
#include "swarm/simulation.h"
#include "swarm/store.h"

namespace swarm {

Clock::~Clock() = default;
FatalSink::~FatalSink() = default;
LeadershipCheck::~LeadershipCheck() = default;
Random::~Random() = default;
Timer::~Timer() = default;
Loop::~Loop() = default;
Runtime::~Runtime() = default;
File::~File() = default;
FileSystem::~FileSystem() = default;
Machine::~Machine() = default;
CallContext::~CallContext() = default;
UnaryHandler::~UnaryHandler() = default;
ServerStream::~ServerStream() = default;
StreamHandler::~StreamHandler() = default;
ClientStream::~ClientStream() = default;
PendingCall::~PendingCall() = default;
Channel::~Channel() = default;
Registration::~Registration() = default;
Router::~Router() = default;
Network::~Network() = default;
Reader::~Reader() = default;
View::~View() = default;
Transaction::~Transaction() = default;
Subscription::~Subscription() = default;
Writer::~Writer() = default;
Store::~Store() = default;
ReplicatedState::~ReplicatedState() = default;
std::int64_t ReplicatedState::BusyMs() const noexcept { return 0; }
Consensus::~Consensus() = default;
bool Consensus::CanGrow() const noexcept { return false; }
void Consensus::WatchRemoval(Function<void()>) noexcept {}
void Consensus::UseLogKey(std::string, Function<void(Status)> done) noexcept {
  done({Code::kUnimplemented, "this consensus keeps no encrypted log"});
}
bool Consensus::CanRemoveMember(RaftId) const noexcept { return false; }
void Consensus::RemoveMember(RaftId, Function<void(Status)> done) noexcept {
  // Nobody can be taken out of a group of one.
  done({Code::kUnknown,
        "raft: member cannot be removed, because removing it may result in loss of quorum"});
}
Proxy::~Proxy() = default;
Dependencies::~Dependencies() = default;
Controller::~Controller() = default;
LogSource::~LogSource() = default;
TaskKeeper::~TaskKeeper() = default;
Executor::~Executor() = default;
ManagerSource::~ManagerSource() = default;
AgentEvents::~AgentEvents() = default;
Agent::~Agent() = default;
IdentityProvider::~IdentityProvider() = default;
Renewal::~Renewal() = default;
InstanceParameters::~InstanceParameters() = default;
InstanceContext::~InstanceContext() = default;
Instance::~Instance() = default;

std::uint64_t Random::Below(std::uint64_t limit) noexcept {
  SWARM_CHECK(limit > 0, "a range has at least one value");
  // Values in the last, incomplete run of `limit` would favour small results: draw again.
  const std::uint64_t unfair = (0 - limit) % limit;
  std::uint64_t value = Next();
  while (value < unfair) value = Next();
  return value % limit;
}

Duration Random::Between(Duration low, Duration high) noexcept {
  if (high <= low) return low;
  return low + Duration(static_cast<std::int64_t>(
                   Below(static_cast<std::uint64_t>((high - low).count()))));
}

}  // namespace swarm
