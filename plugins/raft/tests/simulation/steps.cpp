// What happens in one step of the faulty part.
#include <algorithm>

#include "simulation.h"

namespace swarm::raft::testing {

void Simulation::Step() {
  if (profiles_ && dice_.PerMille(30)) return StepProfile();
  const bool overtime = counters_.steps > options_.steps;
  if (hasty_ && !overtime && dice_.PerMille(20)) return StopNewLeader();
  const std::uint64_t dice = dice_.Below(1000);
  if (dice < 450) {
    // Even the largest group's heartbeats have to get through.
    for (std::size_t i = 0; i < members_.size(); i += 2) StepNetwork();
  } else if (dice < 830) {
    StepMember(AnyMember());
  } else if (dice < 890) {
    StepClocks();
  } else if (dice < 972) {
    StepClient();
  } else if (overtime && dice_.Percent(75)) {
    // In the overtime that some groups need for their writes, changes and faults are rarer.
  } else if (dice < 990) {
    StepGroup();
  } else {
    StepFaults();
  }
}

// Not one that was removed and is gone.
SimMember& Simulation::AnyMember() {
  for (;;) {
    SimMember& member = *members_[dice_.Below(members_.size())];
    if (!gone_.contains(member.id())) return member;
  }
}

void Simulation::StepMember(SimMember& member) {
  if (!member.up()) {
    if (dice_.Percent(5)) member.Start();
    return;
  }
  if (dice_.Percent(3)) member.TakeSnapshot();
  if (dice_.Percent(85)) member.TakeWork();
  if (dice_.Percent(70)) member.FinishWrite();
  if (dice_.Percent(60)) member.ApplyBatch();
}

// Clocks run at about the same speed.
void Simulation::StepClocks() {
  for (const auto& member : members_) {
    if (member->up() && dice_.Percent(80)) member->Tick();
  }
}

void Simulation::StepNetwork() {
  if (network_.empty()) return;
  // Mostly in order, sometimes any of those under way.
  std::size_t which = 0;
  if (dice_.Percent(15)) which = dice_.Below(network_.size());
  if (which != 0) ++counters_.reordered;
  Message message = std::move(network_[which]);
  network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(which));
  Deliver(std::move(message));
}

void Simulation::StepClient() {
  // Clients also find an old leader that does not know it yet.
  SimMember* leader = dice_.Percent(50) ? Leader() : &AnyMember();
  if (!leader || !leader->up() || leader->raft().role() != Role::kLeader) return;
  if (leader->answers_reads() && dice_.Percent(30)) {
    Read(*leader);
  } else {
    Write(*leader);
  }
}

void Simulation::Write(SimMember& leader) {
  // As a store does, they wait when too much is under way.
  if (leader.raft().log().LastIndex() > leader.raft().log().committed() + 30) return;
  if (!leader.serves()) {
    ++counters_.proposals_dropped;
    return;
  }
  const Term term = leader.raft().term();
  const std::uint64_t version = leader.NextVersion();
  Payload write = MakePayload("w" + std::to_string(next_write_++) + "@" + std::to_string(version));
  const Proposed proposed = leader.Propose(write);
  if (proposed.result != StepResult::kOk) {
    ++counters_.proposals_dropped;
    return;
  }
  leader.GaveVersion(version);
  pending_[proposed.first] = {leader.id(), term, std::move(write), known_};
}

void Simulation::Read(SimMember& leader) {
  const std::uint64_t read = next_read_++;
  reads_[read] = known_;
  leader.Read(read);
}

void Simulation::StepGroup() {
  SimMember* leader = Leader();
  if (!leader) return;
  const MemberSet voters = leader->raft().configuration().voters.All();
  const std::vector<RaftId>& ids = voters.ids();
  const RaftId any = ids[dice_.Below(ids.size())];
  if (dice_.Percent(15)) {
    ++counters_.transfers;
    leader->TransferTo(any);
    return;
  }
  ConfChange change{.type = ConfChangeType::kRemove, .member = any};
  const bool add = ids.size() == 3 || (ids.size() < 6 && dice_.Percent(40));
  if (add) change = {.member = RaftId(members_.size() + 1)};
  if (add && members_.size() >= 16) return;
  const bool foreign = add && profiles_ && dice_.Percent(40) && MayAddForeign(*leader);
  const Proposed proposed = leader->Change(change);
  if (proposed.conf_change_refused || proposed.result != StepResult::kOk) {
    ++counters_.conf_changes_refused;
    return;
  }
  ++counters_.conf_changes;
  if (foreign) ++counters_.foreign_added;
  if (add) AddMember({}, foreign);
}

void Simulation::StepFaults() {
  RetireRemoved();
  SimMember* leader = Leader();
  SimMember& member = leader && dice_.Percent(40) ? *leader : AnyMember();
  const std::uint64_t dice = dice_.Below(100);
  if (dice < 35) {
    if (member.up()) member.Crash();
  } else if (dice < 60) {
    Partition();
  } else if (dice < 85) {
    side_.clear();
  } else if (dice < 93) {
    FillOrFreeDisks(member);
  } else if (member.up()) {
    ++counters_.clock_jumps;
    for (std::uint64_t ticks = 1 + dice_.Below(25); ticks > 0; --ticks) member.Tick();
  }
}

// What leaders before it left is half with the others, and nothing of its own term.
void Simulation::StopNewLeader() {
  SimMember* leader = Leader();
  if (!leader || leader->serves()) return;
  if (dice_.Percent(50)) return leader->Crash();
  ++counters_.partitions;
  side_.clear();
  side_[leader->id()] = 1;
}

void Simulation::FillOrFreeDisks(SimMember& member) {
  if (dice_.Percent(60)) {
    for (const auto& one : members_) one->FreeDisk();
    return;
  }
  ++counters_.disks_full;
  member.FillDisk();
}

// A removed member disturbs the group for a while.
void Simulation::RetireRemoved() {
  for (const RaftId id : removed_) {
    if (gone_.contains(id) || !dice_.Percent(20)) continue;
    if (Find(id)->up()) Find(id)->Crash();
    gone_.insert(id);
  }
}

void Simulation::Partition() {
  ++counters_.partitions;
  side_.clear();
  const SimMember* leader = Leader();
  if (leader && dice_.Percent(60)) {
    // The worst: the leader goes on with too few, while the others elect another.
    side_[leader->id()] = 1;
    if (dice_.Percent(50)) side_[AnyMember().id()] = 1;
    return;
  }
  for (const auto& member : members_) {
    if (dice_.Percent(35)) side_[member->id()] = 1;
  }
}

}  // namespace swarm::raft::testing
