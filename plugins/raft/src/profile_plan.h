// Which profile a group should have, by what its leader knows of the members. No time, no calls:
// facts go in, and what follows from them can be asked.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "profile.h"
#include "swarm/ids.h"
#include "timing_rpc.h"

namespace swarm::raft {

class ProfilePlan {
 public:
  // `fast_election`: the leader's own in the fast profile; 0: it never follows that.
  explicit ProfilePlan(Duration fast_election) : fast_election_(fast_election) {}

  // The group without the leader. New members count as foreign until they answer.
  void SetMembers(const std::vector<RaftId>& others);
  // What the leader itself keeps to.
  void SetStatus(const ProfileStatus& status) { status_ = status; }
  void OnAnswer(RaftId member, const TimingAnswer& answer);
  // A member of another make, or one that nothing is known of, is about to be added; and then is
  // one of the members, or will not be.
  void Hold() { held_ = true; }
  void Release() { held_ = false; }

  const ProfileStatus& status() const { return status_; }
  Profile Wanted() const;
  // Compatible is in force, and every member of this make follows it.
  bool CompatibleEverywhere() const { return Missing().empty() && !Fast(); }
  // Those that may still follow the fast profile.
  std::vector<RaftId> Missing() const;
  // Compatible is in force, with a member that needs it.
  bool Mixed() const;
  // Nobody needs heartbeats as the fast profile has them, nor soon will.
  bool MayRelax() const { return CompatibleEverywhere() && Wanted() == Profile::kCompatible; }
  // One of ours with the same timing, so that both can be fast together.
  bool Fits(const TimingAnswer& answer) const;
  // Of ours with another election timeout, or one that never is fast: what keeps the group slow.
  std::vector<RaftId> Misfits() const;

 private:
  struct Known {
    bool silent = true;                // when it was last asked
    std::optional<TimingAnswer> last;  // what it last said
  };
  bool Fast() const { return status_.profile == Profile::kFast; }
  bool Follows(const Known& known) const;

  Duration fast_election_;
  std::map<RaftId, Known> members_;
  ProfileStatus status_;
  bool held_ = false;
};

}  // namespace swarm::raft
