// Who is in the group and who leads it, as others may ask at any time.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consensus/membership.h"
#include "swarm/consensus.h"
#include "swarm/runtime.h"

namespace swarm::raft {

// Threading: [any].
class MemberTable {
 public:
  explicit MemberTable(const Clock& clock);

  void SetSelf(const docker::swarmkit::v1::RaftMember& self);
  void SetMembership(const consensus::Membership& membership);
  // 0: nobody. `ready`: if that is this member, it takes proposals.
  void SetLeader(RaftId leader, bool ready);
  void SetActive(RaftId id, bool active);

  LeaderInfo Leader() const;
  std::vector<Member> Members() const;
  RaftId self() const;
  RaftId leader() const;
  bool IsMember(RaftId id) const;
  bool IsRemoved(RaftId id) const;
  // All but oneself, and those among them that were not reached last time.
  std::vector<RaftId> Others() const;
  std::vector<RaftId> Silent() const;
  std::string AddressOf(RaftId id) const;  // empty: not known
  std::string NodeOf(RaftId id) const;     // empty: not known
  // The members that can be reached are a majority without `id`; SwarmKit's rule.
  bool CanRemove(RaftId id) const;

 private:
  struct Known {
    std::string node_id;
    std::string address;
    std::optional<SteadyTime> silent_since;  // absent: it was reached
  };
  Member Describe(RaftId id, const Known& known, SteadyTime now) const;

  const Clock& clock_;
  mutable std::mutex mutex_;  // guards all below
  docker::swarmkit::v1::RaftMember self_;
  std::map<RaftId, Known> members_;
  std::set<RaftId> removed_;
  RaftId leader_;
  bool ready_ = false;
  SteadyTime leaderless_since_;
};

}  // namespace swarm::raft
