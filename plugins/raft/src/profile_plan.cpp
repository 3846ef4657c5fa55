#include "profile_plan.h"

#include <algorithm>

namespace swarm::raft {

void ProfilePlan::SetMembers(const std::vector<RaftId>& others) {
  std::map<RaftId, Known> members;
  for (const RaftId id : others) {
    const auto before = members_.find(id);
    members[id] = before == members_.end() ? Known() : before->second;
  }
  members_ = std::move(members);
}

void ProfilePlan::OnAnswer(RaftId member, const TimingAnswer& answer) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  found->second.silent = answer.make == Make::kSilent;
  if (!found->second.silent) found->second.last = answer;
}

bool ProfilePlan::Fits(const TimingAnswer& answer) const {
  return answer.make == Make::kOurs && fast_election_ > Duration() &&
         answer.fast_election == fast_election_;
}

Profile ProfilePlan::Wanted() const {
  if (held_ || fast_election_ == Duration()) return Profile::kCompatible;
  bool all_answered = !members_.empty();
  for (const auto& [id, known] : members_) {
    if (known.last && !Fits(*known.last)) return Profile::kCompatible;
    if (known.silent) all_answered = false;
  }
  // One of ours that is away does not slow the others down; but they wait for it to become fast.
  return Fast() || all_answered ? Profile::kFast : Profile::kCompatible;
}

bool ProfilePlan::Follows(const Known& known) const {
  if (!known.last) return false;
  if (known.last->make == Make::kForeign) return true;
  const ProfileStatus& told = known.last->status;
  return told.profile == Profile::kCompatible && told.applied >= status_.since;
}

std::vector<RaftId> ProfilePlan::Missing() const {
  std::vector<RaftId> missing;
  for (const auto& [id, known] : members_) {
    if (!Follows(known)) missing.push_back(id);
  }
  return missing;
}

bool ProfilePlan::Mixed() const {
  return !Fast() && std::any_of(members_.begin(), members_.end(), [](const auto& member) {
    const std::optional<TimingAnswer>& last = member.second.last;
    return last && last->make == Make::kForeign;
  });
}

std::vector<RaftId> ProfilePlan::Misfits() const {
  std::vector<RaftId> misfits;
  for (const auto& [id, known] : members_) {
    if (known.last && known.last->make == Make::kOurs && !Fits(*known.last)) misfits.push_back(id);
  }
  return misfits;
}

}  // namespace swarm::raft
