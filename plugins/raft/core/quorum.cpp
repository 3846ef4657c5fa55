#include "core/quorum.h"

#include <array>

namespace swarm::raft {

void MemberSet::Insert(RaftId id) {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (at == ids_.end() || *at != id) ids_.insert(at, id);
}

void MemberSet::Erase(RaftId id) {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (at != ids_.end() && *at == id) ids_.erase(at);
}

VoteResult CountVotes(const MemberSet& voters, const VoteOf& vote) {
  if (voters.empty()) return VoteResult::kWon;
  std::size_t granted = 0;
  std::size_t missing = 0;
  for (const RaftId id : voters) {
    const std::optional<bool> answer = vote(id);
    if (!answer) {
      ++missing;
    } else if (*answer) {
      ++granted;
    }
  }
  const std::size_t quorum = voters.size() / 2 + 1;
  if (granted >= quorum) return VoteResult::kWon;
  return granted + missing >= quorum ? VoteResult::kPending : VoteResult::kLost;
}

Index Acknowledged(const MemberSet& voters, const AcknowledgedBy& acknowledged) {
  if (voters.empty()) return kNoLimit;
  // Runs for every acknowledgement: groups of seven or fewer need no allocation.
  std::array<Index, 7> few;
  std::vector<Index> many;
  if (voters.size() > few.size()) many.resize(voters.size());
  Index* const first = many.empty() ? few.data() : many.data();
  Index* last = first;
  for (const RaftId id : voters) *last++ = acknowledged(id);
  Index* const middle = first + (voters.size() - 1) / 2;
  std::nth_element(first, middle, last);
  return *middle;
}

MemberSet JointVoters::All() const {
  MemberSet all = incoming;
  for (const RaftId id : outgoing) all.Insert(id);
  return all;
}

VoteResult JointVoters::Count(const VoteOf& vote) const {
  const VoteResult a = CountVotes(incoming, vote);
  const VoteResult b = CountVotes(outgoing, vote);
  if (a == b) return a;
  if (a == VoteResult::kLost || b == VoteResult::kLost) return VoteResult::kLost;
  return VoteResult::kPending;
}

Index JointVoters::Acknowledged(const AcknowledgedBy& acknowledged) const {
  return std::min(raft::Acknowledged(incoming, acknowledged),
                  raft::Acknowledged(outgoing, acknowledged));
}

}  // namespace swarm::raft
