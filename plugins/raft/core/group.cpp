#include "core/group.h"

#include <algorithm>

namespace swarm::raft {
namespace {

std::size_t Difference(const MemberSet& a, const MemberSet& b) {
  const auto missing = [](const MemberSet& from, const MemberSet& in) {
    return std::count_if(from.begin(), from.end(), [&](RaftId id) { return !in.Contains(id); });
  };
  return static_cast<std::size_t>(missing(a, b) + missing(b, a));
}

std::vector<ConfChangeStep> Steps(ConfChangeType type, const std::vector<RaftId>& members) {
  std::vector<ConfChangeStep> steps;
  for (const RaftId member : members) steps.push_back({type, member});
  return steps;
}

}  // namespace

ConfState Configuration::ToState() const {
  return {voters.incoming.ids(), learners.ids(), voters.outgoing.ids(), learners_next.ids(),
          auto_leave};
}

Progress* Group::Find(RaftId id) {
  const auto at = members_.find(id);
  return at == members_.end() ? nullptr : &at->second;
}

const Progress* Group::Find(RaftId id) const {
  const auto at = members_.find(id);
  return at == members_.end() ? nullptr : &at->second;
}

void Group::ResetProgress(RaftId self, Index last) {
  for (auto& [id, progress] : members_) {
    const bool learner = progress.learner();
    progress = Progress(id == self ? last : Index(), last + 1, window_);
    progress.set_learner(learner);
  }
}

Group::Error Group::Apply(const ConfChangeV2& change, Index last) {
  if (change.LeavesJoint()) return LeaveJoint();
  if (change.EntersJoint()) return EnterJoint(change.LeavesByItself(), change.steps, last);
  return Simple(change.steps, last);
}

Group::Error Group::Simple(const std::vector<ConfChangeStep>& steps, Index last) {
  if (configuration_.voters.joint()) return "can't apply simple config change in joint config";
  Group next = *this;
  if (Error error = next.ApplySteps(steps, last)) return error;
  if (Difference(configuration_.voters.incoming, next.configuration_.voters.incoming) > 1)
    return "more than one voter changed without entering joint config";
  *this = std::move(next);
  return std::nullopt;
}

Group::Error Group::EnterJoint(bool auto_leave, const std::vector<ConfChangeStep>& steps,
                               Index last) {
  if (configuration_.voters.joint()) return "config is already joint";
  if (configuration_.voters.incoming.empty()) return "can't make a zero-voter config joint";
  Group next = *this;
  next.configuration_.voters.outgoing = configuration_.voters.incoming;
  if (Error error = next.ApplySteps(steps, last)) return error;
  next.configuration_.auto_leave = auto_leave;
  *this = std::move(next);
  return std::nullopt;
}

Group::Error Group::LeaveJoint() {
  if (!configuration_.voters.joint()) return "can't leave a non-joint config";
  for (const RaftId id : configuration_.learners_next) {
    configuration_.learners.Insert(id);
    members_.at(id).set_learner(true);
  }
  configuration_.learners_next.clear();
  for (const RaftId id : configuration_.voters.outgoing) {
    if (!configuration_.voters.incoming.Contains(id) && !configuration_.learners.Contains(id))
      members_.erase(id);
  }
  configuration_.voters.outgoing.clear();
  configuration_.auto_leave = false;
  return std::nullopt;
}

Group::Error Group::Restore(const ConfState& state, Index last) {
  Group next(window_);
  const auto add = [&](const std::vector<ConfChangeStep>& steps) -> Error {
    return steps.empty() ? Error() : next.ApplySteps(steps, last);
  };
  if (!state.voters_outgoing.empty()) {
    // First the group as it was, then the change that is under way.
    if (Error error = add(Steps(ConfChangeType::kAddVoter, state.voters_outgoing))) return error;
    next.configuration_.voters.outgoing = next.configuration_.voters.incoming;
    std::vector<ConfChangeStep> change = Steps(ConfChangeType::kAddVoter, state.voters);
    for (const RaftId id : state.voters_outgoing) {
      if (std::find(state.voters.begin(), state.voters.end(), id) == state.voters.end())
        change.push_back({ConfChangeType::kRemove, id});
    }
    for (const RaftId id : state.learners) change.push_back({ConfChangeType::kAddLearner, id});
    for (const RaftId id : state.learners_next) change.push_back({ConfChangeType::kAddLearner, id});
    if (Error error = add(change)) return error;
    next.configuration_.auto_leave = state.auto_leave;
  } else {
    if (Error error = add(Steps(ConfChangeType::kAddVoter, state.voters))) return error;
    for (const RaftId id : state.learners) next.MakeLearner(id, last);
  }
  *this = std::move(next);
  return std::nullopt;
}

Group::Error Group::ApplySteps(const std::vector<ConfChangeStep>& steps, Index last) {
  for (const ConfChangeStep& step : steps) {
    // How a change that the state machine refused is taken out of the log.
    if (step.member == kNobody) continue;
    switch (step.type) {
      case ConfChangeType::kAddVoter:
        MakeVoter(step.member, last);
        break;
      case ConfChangeType::kAddLearner:
        MakeLearner(step.member, last);
        break;
      case ConfChangeType::kRemove:
        Remove(step.member);
        break;
      case ConfChangeType::kUpdate:
        break;
      default:
        return "unexpected conf type " + std::to_string(static_cast<int>(step.type));
    }
  }
  if (configuration_.voters.incoming.empty()) return "removed all voters";
  return std::nullopt;
}

Progress& Group::NewMember(RaftId id, Index last) {
  const Index next = std::max(last, Index(1));
  Progress& progress = members_.emplace(id, Progress(Index(), next, window_)).first->second;
  // Or the leader would think that it lost its majority before the member could say anything.
  progress.set_recently_active(true);
  return progress;
}

void Group::MakeVoter(RaftId id, Index last) {
  Progress* progress = Find(id);
  if (!progress) progress = &NewMember(id, last);
  progress->set_learner(false);
  configuration_.learners.Erase(id);
  configuration_.learners_next.Erase(id);
  configuration_.voters.incoming.Insert(id);
}

void Group::MakeLearner(RaftId id, Index last) {
  Progress* progress = Find(id);
  if (!progress) progress = &NewMember(id, last);
  if (progress->learner()) return;
  configuration_.voters.incoming.Erase(id);
  configuration_.learners_next.Erase(id);
  if (configuration_.voters.outgoing.Contains(id)) {
    configuration_.learners_next.Insert(id);
  } else {
    progress->set_learner(true);
    configuration_.learners.Insert(id);
  }
}

void Group::Remove(RaftId id) {
  if (!Find(id)) return;
  configuration_.voters.incoming.Erase(id);
  configuration_.learners.Erase(id);
  configuration_.learners_next.Erase(id);
  if (!configuration_.voters.outgoing.Contains(id)) members_.erase(id);
}

}  // namespace swarm::raft
