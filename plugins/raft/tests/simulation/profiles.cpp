// The timing profile in the simulated group: what a leader does about it, as the product's does,
// and that in peace no member gives its leader up because of it.
#include <algorithm>

#include "simulation.h"

namespace swarm::raft::testing {
namespace {

constexpr char kFastEntry[] = "profile fast";
constexpr char kCompatibleEntry[] = "profile compatible";

bool IsProfile(const Entry& entry) {
  return entry.data && (*entry.data == kFastEntry || *entry.data == kCompatibleEntry);
}

bool IsForeign(const SimMember& member) { return member.settings().variant.rules_2021(); }

}  // namespace

bool Simulation::FastAt(Index index) const {
  const auto after = fast_at_.upper_bound(index);
  return after != fast_at_.begin() && std::prev(after)->second;
}

void Simulation::NoteProfile(RaftId member, const Entry& entry) {
  if (IsProfile(entry) && fast_at_.emplace(entry.index, *entry.data == kFastEntry).second)
    ++counters_.profile_switches;
  const auto change = IsConfChange(entry) ? DecodeConfChange(entry) : std::nullopt;
  if (!change || change->steps.front().type != ConfChangeType::kAddVoter) return;
  const SimMember* added = Find(change->steps.front().member);
  if (added && IsForeign(*added) && Find(member)->fast())
    oracle_.Violated("a member of another make was added to a group that is fast");
}

void Simulation::StepProfile() {
  if (dice_.Percent(15)) wants_fast_ = !wants_fast_;
  KeepProfile();
}

bool Simulation::HasForeign(const SimMember& leader) {
  const MemberSet voters = leader.raft().configuration().voters.All();
  return std::any_of(voters.ids().begin(), voters.ids().end(),
                     [this](RaftId id) { return IsForeign(*Find(id)); });
}

// As the product's leader, which decides nothing before it has caught up, nor while somebody joins.
bool Simulation::ProfileUnderWay(const SimMember& leader) {
  if (!leader.serves()) return true;
  const std::vector<Entry> tail = leader.raft().log().Read(leader.applied() + 1, kUnlimited);
  return std::any_of(tail.begin(), tail.end(),
                     [](const Entry& entry) { return IsProfile(entry) || IsConfChange(entry); });
}

// All of ours have said that they have applied the last switch.
bool Simulation::CompatibleEverywhere(const SimMember& leader) {
  if (leader.fast()) return false;
  if (options_.profile_fault == ProfileFault::kRelaxesEarly) return true;
  const auto after = fast_at_.upper_bound(leader.applied());
  const Index since = after == fast_at_.begin() ? Index() : std::prev(after)->first;
  const MemberSet voters = leader.raft().configuration().voters.All();
  return std::all_of(voters.ids().begin(), voters.ids().end(), [&](RaftId id) {
    const SimMember& member = *Find(id);
    return IsForeign(member) || (member.up() && !member.fast() && member.applied() >= since);
  });
}

bool Simulation::MayAddForeign(const SimMember& leader) {
  if (IsForeign(leader) || options_.profile_fault == ProfileFault::kAddsUnasked) return true;
  return !ProfileUnderWay(leader) && CompatibleEverywhere(leader);
}

void Simulation::KeepProfile() {
  SimMember* leader = Leader();
  if (!leader || IsForeign(*leader) || ProfileUnderWay(*leader)) return;
  const bool wanted = wants_fast_ && !HasForeign(*leader);
  if (leader->fast() == wanted) {
    if (wanted || !leader->hurried() || !CompatibleEverywhere(*leader)) return;
    ++counters_.heartbeats_slowed;
    return leader->Hurry(false);
  }
  if (options_.profile_fault != ProfileFault::kHurriesLate) leader->Hurry(true);
  leader->Propose(MakePayload(wanted ? kFastEntry : kCompatibleEntry));
}

void Simulation::SwitchInPeace() {
  SimMember* leader = Leader();
  const MemberSet voters = leader->raft().configuration().voters.All();
  if (!profiles_ || HasForeign(*leader) || !voters.Contains(leader->id())) return;
  for (int i = 0; i < 4 && !Violated(); ++i) {
    wants_fast_ = !leader->fast();
    if (!SwitchOnce(*leader, voters)) return Stuck("a switch of the profile does not end");
    ++counters_.switches_in_peace;
  }
}

// With one member, or the leader itself, that is slow to apply what it knows.
bool Simulation::SwitchOnce(SimMember& leader, const MemberSet& voters) {
  const RaftId slow = voters.ids()[dice_.Below(voters.ids().size())];
  const int lag = static_cast<int>(dice_.Below(40));
  int quiet = 0;
  for (int round = 0; round < 300 && quiet < 30; ++round) {
    lagging_ = round < lag ? slow : kNobody;
    KeepProfile();
    HealRound();
    bool there = wants_fast_ || !leader.hurried();
    for (const RaftId id : voters.ids()) {
      const SimMember& member = *Find(id);
      there = there && member.fast() == wants_fast_;
      if (member.raft().leader() == leader.id()) continue;
      oracle_.Violated("a switch of the profile made a member give its leader up");
      return true;
    }
    quiet = there ? quiet + 1 : 0;
  }
  lagging_ = kNobody;
  return quiet > 0;
}

}  // namespace swarm::raft::testing
