#include "member_table.h"

#include <utility>

namespace swarm::raft {
namespace {

std::int64_t Milliseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

MemberTable::MemberTable(const Clock& clock)
    : clock_(clock), leaderless_since_(clock.SteadyNow()) {}

void MemberTable::SetSelf(const docker::swarmkit::v1::RaftMember& self) {
  const std::lock_guard lock(mutex_);
  self_ = self;
}

void MemberTable::SetMembership(const consensus::Membership& membership) {
  const std::lock_guard lock(mutex_);
  std::map<RaftId, Known> members;
  for (const std::uint64_t voter : membership.voters) {
    const RaftId id(voter);
    Known known;
    // Reached or not: that has to show.
    known.silent_since = clock_.SteadyNow();
    if (const auto before = members_.find(id); before != members_.end()) known = before->second;
    if (const auto told = membership.members.find(voter); told != membership.members.end()) {
      known.node_id = told->second.node_id();
      known.address = told->second.addr();
    }
    members[id] = std::move(known);
  }
  members_ = std::move(members);
  removed_.clear();
  for (const std::uint64_t id : membership.removed) removed_.insert(RaftId(id));
}

void MemberTable::SetLeader(RaftId leader, bool ready) {
  const std::lock_guard lock(mutex_);
  if (leader == RaftId() && leader_ != RaftId()) leaderless_since_ = clock_.SteadyNow();
  leader_ = leader;
  ready_ = ready;
}

void MemberTable::SetActive(RaftId id, bool active) {
  const std::lock_guard lock(mutex_);
  const auto member = members_.find(id);
  if (member == members_.end()) return;
  if (active) {
    member->second.silent_since.reset();
  } else if (!member->second.silent_since) {
    member->second.silent_since = clock_.SteadyNow();
  }
}

Member MemberTable::Describe(RaftId id, const Known& known, SteadyTime now) const {
  Member member;
  member.raft_id = id;
  member.node_id = known.node_id;
  member.address = known.address;
  member.self = id == RaftId(self_.raft_id());
  if (member.self) {
    member.node_id = self_.node_id();
    member.address = self_.addr();
  }
  member.leader = id == leader_ && (!member.self || ready_);
  member.reachable = member.self || !known.silent_since;
  if (!member.reachable) member.unreachable_ms = Milliseconds(now - *known.silent_since);
  return member;
}

LeaderInfo MemberTable::Leader() const {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.SteadyNow();
  const bool self = leader_ == RaftId(self_.raft_id()) && leader_ != RaftId();
  const auto found = members_.find(leader_);
  // One that does not know its own group yet knows at least who writes to it.
  if (leader_ != RaftId() && (!self || ready_) && found != members_.end()) {
    const Member leader = Describe(leader_, found->second, now);
    return {self, leader.node_id, leader.address, 0};
  }
  const Duration without = leader_ == RaftId() ? now - leaderless_since_ : Duration();
  return {false, "", "", Milliseconds(without)};
}

std::vector<Member> MemberTable::Members() const {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.SteadyNow();
  std::vector<Member> members;
  for (const auto& [id, known] : members_) members.push_back(Describe(id, known, now));
  return members;
}

RaftId MemberTable::self() const {
  const std::lock_guard lock(mutex_);
  return RaftId(self_.raft_id());
}

RaftId MemberTable::leader() const {
  const std::lock_guard lock(mutex_);
  return leader_;
}

bool MemberTable::IsMember(RaftId id) const {
  const std::lock_guard lock(mutex_);
  return members_.contains(id);
}

bool MemberTable::IsRemoved(RaftId id) const {
  const std::lock_guard lock(mutex_);
  return removed_.contains(id);
}

std::vector<RaftId> MemberTable::Others() const {
  const std::lock_guard lock(mutex_);
  std::vector<RaftId> others;
  for (const auto& [id, known] : members_) {
    if (id != RaftId(self_.raft_id())) others.push_back(id);
  }
  return others;
}

std::vector<RaftId> MemberTable::Silent() const {
  const std::lock_guard lock(mutex_);
  std::vector<RaftId> silent;
  for (const auto& [id, known] : members_) {
    if (id != RaftId(self_.raft_id()) && known.silent_since) silent.push_back(id);
  }
  return silent;
}

std::string MemberTable::AddressOf(RaftId id) const {
  const std::lock_guard lock(mutex_);
  if (id == RaftId(self_.raft_id())) return self_.addr();
  const auto found = members_.find(id);
  return found == members_.end() ? std::string() : found->second.address;
}

std::string MemberTable::NodeOf(RaftId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = members_.find(id);
  return found == members_.end() ? std::string() : found->second.node_id;
}

bool MemberTable::CanRemove(RaftId id) const {
  const std::lock_guard lock(mutex_);
  if (!members_.contains(id) || members_.size() == 1) return false;
  std::size_t reachable = 0;
  for (const auto& [other, known] : members_) {
    if (other == id) continue;
    if (other == RaftId(self_.raft_id()) || !known.silent_since) ++reachable;
  }
  // Of the group as it is after the removal.
  return reachable >= (members_.size() - 1) / 2 + 1;
}

}  // namespace swarm::raft
