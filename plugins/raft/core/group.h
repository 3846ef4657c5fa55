// The members of the group as the state machine has them applied, and the leader's knowledge of
// each; how changes turn one group into the next.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/conf_change.h"
#include "core/progress.h"
#include "core/quorum.h"
#include "core/types.h"

namespace swarm::raft {

struct Configuration {
  JointVoters voters;
  MemberSet learners;
  // Voters of the outgoing half that become learners once it is left.
  MemberSet learners_next;
  bool auto_leave = false;

  ConfState ToState() const;
  friend bool operator==(const Configuration&, const Configuration&) = default;
};

using ProgressMap = std::map<RaftId, Progress>;

class Group {
 public:
  // `window`: an empty one, as every member gets it.
  explicit Group(const Inflights& window) : window_(window) {}

  const Configuration& configuration() const { return configuration_; }
  const ProgressMap& members() const { return members_; }
  ProgressMap& members() { return members_; }
  Progress* Find(RaftId id);
  const Progress* Find(RaftId id) const;

  // Forgets what was known of every member's log; `last`: of one's own, which `self` has.
  void ResetProgress(RaftId self, Index last);

  // The following leave the group as it was when they return an error: why the change cannot be
  // made. `last`: of the log, where new members are probed first.
  using Error = std::optional<std::string>;
  Error Apply(const ConfChangeV2& change, Index last);
  Error Simple(const std::vector<ConfChangeStep>& steps, Index last);
  Error EnterJoint(bool auto_leave, const std::vector<ConfChangeStep>& steps, Index last);
  Error LeaveJoint();
  // From nothing to what a snapshot says.
  Error Restore(const ConfState& state, Index last);

 private:
  Error ApplySteps(const std::vector<ConfChangeStep>& steps, Index last);
  void MakeVoter(RaftId id, Index last);
  void MakeLearner(RaftId id, Index last);
  void Remove(RaftId id);
  Progress& NewMember(RaftId id, Index last);

  Inflights window_;
  Configuration configuration_;
  ProgressMap members_;
};

}  // namespace swarm::raft
