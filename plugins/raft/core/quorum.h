// Majorities, alone and joint: what they have voted and what they have acknowledged. Pure
// arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "core/types.h"

namespace swarm::raft {

// What an empty group has acknowledged: it stands in no one's way.
inline constexpr Index kNoLimit{std::numeric_limits<std::uint64_t>::max()};

enum class VoteResult : std::uint8_t { kPending, kLost, kWon };

// A small set of members in order.
class MemberSet {
 public:
  MemberSet() = default;
  explicit MemberSet(const std::vector<RaftId>& members) {
    for (const RaftId member : members) Insert(member);
  }

  bool Contains(RaftId id) const { return std::binary_search(ids_.begin(), ids_.end(), id); }
  void Insert(RaftId id);
  void Erase(RaftId id);
  void clear() { ids_.clear(); }
  bool empty() const { return ids_.empty(); }
  std::size_t size() const { return ids_.size(); }
  const std::vector<RaftId>& ids() const { return ids_; }
  auto begin() const { return ids_.begin(); }
  auto end() const { return ids_.end(); }
  friend bool operator==(const MemberSet&, const MemberSet&) = default;

 private:
  std::vector<RaftId> ids_;
};

// None: the member has not answered.
using VoteOf = std::function<std::optional<bool>(RaftId)>;
using AcknowledgedBy = std::function<Index(RaftId)>;

// An empty set wins every vote.
VoteResult CountVotes(const MemberSet& voters, const VoteOf& vote);
// The largest index that a majority has; kNoLimit for an empty set.
Index Acknowledged(const MemberSet& voters, const AcknowledgedBy& acknowledged);

// Decisions need a majority of both sets. `outgoing` is empty except while the group is between
// two configurations.
struct JointVoters {
  MemberSet incoming;
  MemberSet outgoing;

  bool joint() const { return !outgoing.empty(); }
  bool Contains(RaftId id) const { return incoming.Contains(id) || outgoing.Contains(id); }
  MemberSet All() const;
  VoteResult Count(const VoteOf& vote) const;
  Index Acknowledged(const AcknowledgedBy& acknowledged) const;
  friend bool operator==(const JointVoters&, const JointVoters&) = default;
};

}  // namespace swarm::raft
