#include "simulation.h"

#include <algorithm>

namespace swarm::raft::testing {

Simulation::Simulation(SimulationOptions options)
    : options_(options), dice_(options.seed), oracle_(counters_) {
  mixed_ = dice_.Percent(50);
  pre_vote_ = !mixed_ && dice_.Percent(50);
  profiles_ = !mixed_ && dice_.Percent(60);
  hasty_ = dice_.Percent(25);
  // One entry in an append, or some.
  append_bytes_ = dice_.Percent(40) ? 1 : 40;
  std::vector<RaftId> voters;
  const std::uint64_t size = dice_.Percent(60) ? 3 : 5;
  for (std::uint64_t id = 1; id <= size; ++id) voters.push_back(RaftId(id));
  for (std::uint64_t id = 1; id <= size; ++id) AddMember(voters);
}

void Simulation::AddMember(std::vector<RaftId> voters, bool foreign) {
  MemberSettings settings;
  settings.id = RaftId(members_.size() + 1);
  settings.voters = std::move(voters);
  settings.pre_vote = pre_vote_;
  settings.profiles = profiles_;
  settings.append_bytes = append_bytes_;
  settings.variant = Variant::With(options_.fault);
  settings.pipelined = dice_.Percent(70);
  if (foreign || (mixed_ && dice_.Percent(40))) {
    ++counters_.members_of_2021;
    settings.variant = Variant::Rules2021();
    settings.pipelined = false;
  }
  World& world = *this;
  members_.push_back(
      std::make_unique<SimMember>(std::move(settings), world, oracle_, counters_, dice_));
}

SimulationResult Simulation::Run() {
  // Some groups have bad luck for long.
  const std::uint64_t most = options_.steps * 100;
  while (!Violated() && counters_.steps < most &&
         (counters_.steps < options_.steps || counters_.acknowledged < options_.acknowledged ||
          counters_.faults() < options_.faults)) {
    ++counters_.steps;
    Step();
  }
  if (!Violated() && counters_.acknowledged < options_.acknowledged)
    Stuck("too few writes were acknowledged");
  if (!Violated()) Heal();
  oracle_.CheckAcknowledged();
  return {oracle_.violation(), stuck_, counters_, oracle_.trace()};
}

void Simulation::Send(Message message) {
  if (!healing_ && dice_.PerMille(30)) {
    ++counters_.lost;
    Lose(message);
    return;
  }
  if (!healing_ && dice_.PerMille(20)) {
    ++counters_.duplicated;
    network_.push_back(message);
  }
  network_.push_back(std::move(message));
}

void Simulation::Applied(RaftId member, const Entry& entry) {
  if (const auto change = DecodeConfChange(entry); IsConfChange(entry) && change) {
    const ConfChangeStep& step = change->steps.front();
    if (step.type == ConfChangeType::kRemove) removed_.insert(step.member);
  }
  if (profiles_) NoteProfile(member, entry);
  const auto at = pending_.find(entry.index);
  if (at == pending_.end() || at->second.member != member) return;
  // It holds what was proposed only if it has the term it was proposed in.
  if (at->second.term == entry.term) {
    ++counters_.acknowledged;
    oracle_.Acknowledged(entry, at->second.write);
    if (entry.index <= at->second.known)
      oracle_.Violated("a write comes before what was known when it was asked for");
    known_ = std::max(known_, entry.index);
  }
  pending_.erase(at);
}

// Replies are linearizable: whoever asks is told at least what anybody was told before.
void Simulation::Answered(std::uint64_t read, Index applied) {
  ++counters_.reads;
  const auto at = reads_.find(read);
  if (applied < at->second) oracle_.Violated("a read is older than what was told before it");
  known_ = std::max(known_, applied);
  reads_.erase(at);
}

void Simulation::TurnedDown(std::uint64_t read) {
  ++counters_.reads_turned_down;
  reads_.erase(read);
}

SimMember* Simulation::Find(RaftId id) {
  return id.value() >= 1 && id.value() <= members_.size() ? members_[id.value() - 1].get()
                                                          : nullptr;
}

// The leader of the highest term.
SimMember* Simulation::Leader() {
  SimMember* leader = nullptr;
  for (const auto& member : members_) {
    if (!member->up() || member->raft().role() != Role::kLeader) continue;
    if (!leader || member->raft().term() > leader->raft().term()) leader = member.get();
  }
  return leader;
}

bool Simulation::Reaches(RaftId from, RaftId to) const {
  const auto side = [this](RaftId id) {
    const auto at = side_.find(id);
    return at == side_.end() ? 0 : at->second;
  };
  return side(from) == side(to);
}

void Simulation::Deliver(Message message) {
  SimMember* to = Find(message.to);
  if (!to || !to->up() || !Reaches(message.from, message.to)) {
    Lose(message);
    return;
  }
  const RaftId from = message.from;
  const bool snapshot = message.type == MessageType::kSnapshot;
  to->Receive(std::move(message));
  SimMember* sender = Find(from);
  if (snapshot && sender->up()) sender->ReportSnapshot(to->id(), true);
}

// The sender's transport notices, sometimes; of a snapshot always.
void Simulation::Lose(const Message& message) {
  SimMember* sender = Find(message.from);
  if (!sender || !sender->up()) return;
  if (message.type == MessageType::kSnapshot) {
    sender->ReportSnapshot(message.to, false);
  } else if (dice_.Percent(30)) {
    sender->ReportUnreachable(message.to);
  }
}

void Simulation::Heal() {
  healing_ = true;
  side_.clear();
  for (const auto& member : members_) {
    member->FreeDisk();
    if (!member->up() && !gone_.contains(member->id())) member->Start();
  }
  constexpr int kRounds = 2000;
  std::optional<std::string> last_write;
  for (int round = 0; round < kRounds && !Violated(); ++round) {
    HealRound();
    RetireRemoved();
    SimMember* leader = Leader();
    if (last_write && Agreed(*last_write)) return SwitchInPeace();
    if (!leader || (last_write && round % 40 != 0)) continue;
    last_write = "last " + std::to_string(round);
    if (leader->Propose(MakePayload(*last_write)).result != StepResult::kOk) last_write.reset();
  }
  if (!Violated()) Stuck("without faults the group does not agree");
}

bool Simulation::HealRound() {
  for (const auto& member : members_) {
    if (member->up()) member->Tick();
  }
  bool busy = true;
  for (int i = 0; busy && i < 50 && !Violated(); ++i) {
    busy = false;
    for (const auto& member : members_) {
      if (!member->up()) continue;
      const bool lags = member->id() == lagging_;
      while (member->TakeWork() | member->FinishWrite() | (!lags && member->ApplyBatch()))
        busy = true;
    }
    std::vector<Message> messages;
    messages.swap(network_);
    for (Message& message : messages) Deliver(std::move(message));
  }
  return busy;
}

// Every member of the leader's group has the last write, which is then acknowledged.
bool Simulation::Agreed(const std::string& last_write) {
  const SimMember* leader = Leader();
  if (!leader) return false;
  const Log& log = leader->raft().log();
  const std::vector<Entry> entries = log.Read(std::max(log.FirstIndex(), Index(1)), kUnlimited);
  const bool there = std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.data && *entry.data == last_write && entry.index <= log.committed();
  });
  if (!there) return false;
  for (const RaftId id : leader->raft().configuration().voters.All()) {
    const SimMember* member = Find(id);
    if (!member->up() || member->raft().log().Last() != log.Last() ||
        member->raft().log().applied() != log.committed())
      return false;
  }
  return true;
}

}  // namespace swarm::raft::testing
