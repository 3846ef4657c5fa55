// A raft group under faults, in one thread and from one seed: the network loses, delays, reorders
// and duplicates; members crash and lose what was not synced; clocks jump; the group changes.
// Then all faults end, and the group has to agree again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "counters.h"
#include "oracle.h"
#include "sim_member.h"

namespace swarm::raft::testing {

// What a leader may get wrong about the group's timing profile.
enum class ProfileFault : std::uint8_t {
  kNone,
  kRelaxesEarly,  // slows its heartbeats down as soon as it has applied the compatible profile
  kHurriesLate,   // and up only when it has applied the fast one
  kAddsUnasked,   // adds a member of another make to a group that is fast
};

struct SimulationOptions {
  std::uint64_t seed = 0;
  // Faults go on for so long at least, and until there were so many writes and faults.
  std::uint64_t steps = 2000;
  std::uint64_t acknowledged = 50;
  std::uint64_t faults = 5;
  Fault fault = Fault::kNone;  // in every member
  ProfileFault profile_fault = ProfileFault::kNone;
};

struct SimulationResult {
  std::string violation;  // a broken promise; empty: none
  std::string stuck;      // no progress where there should be; empty: none
  Counters counters;
  std::uint64_t trace = 0;  // the same for the same run
};

class Simulation : private World {
 public:
  explicit Simulation(SimulationOptions options);
  SimulationResult Run();

 private:
  struct Pending {
    RaftId member;
    Term term;
    Payload write;
    Index known;  // to clients, when it was asked for
  };

  // World
  void Send(Message message) override;
  void Applied(RaftId member, const Entry& entry) override;
  bool FastAt(Index index) const override;
  void Answered(std::uint64_t read, Index applied) override;
  void TurnedDown(std::uint64_t read) override;

  // steps.cpp: what happens in a step
  void Step();
  void StepMember(SimMember& member);
  void StepClocks();
  void StepNetwork();
  void StepClient();
  void Write(SimMember& leader);
  void Read(SimMember& leader);
  void StepGroup();
  void StepFaults();
  void Partition();
  void StopNewLeader();
  void FillOrFreeDisks(SimMember& member);
  void RetireRemoved();
  SimMember& AnyMember();

  // profiles.cpp: a group of ours whose timing follows from who is in it
  void StepProfile();
  void KeepProfile();
  bool CompatibleEverywhere(const SimMember& leader);
  bool ProfileUnderWay(const SimMember& leader);
  bool HasForeign(const SimMember& leader);
  bool MayAddForeign(const SimMember& leader);
  void NoteProfile(RaftId member, const Entry& entry);
  void SwitchInPeace();
  bool SwitchOnce(SimMember& leader, const MemberSet& voters);

  void AddMember(std::vector<RaftId> voters, bool foreign = false);
  void Deliver(Message message);
  void Lose(const Message& message);
  bool Reaches(RaftId from, RaftId to) const;
  SimMember* Leader();
  SimMember* Find(RaftId id);
  bool Violated() const { return !oracle_.violation().empty(); }

  void Heal();
  void Stuck(std::string why) { stuck_ = std::move(why); }
  bool HealRound();
  bool Agreed(const std::string& last_write);

  const SimulationOptions options_;
  Dice dice_;
  Counters counters_;
  Oracle oracle_;
  std::string stuck_;
  bool mixed_ = false;
  bool pre_vote_ = false;
  bool profiles_ = false;
  bool hasty_ = false;             // leaders often fail when they have just been elected
  bool wants_fast_ = true;         // as far as others have no say
  std::map<Index, bool> fast_at_;  // changes of the profile, as somebody applied them
  RaftId lagging_;                 // applies nothing for a while, in peace
  std::uint64_t append_bytes_ = 0;
  bool healing_ = false;
  std::vector<std::unique_ptr<SimMember>> members_;
  std::vector<Message> network_;
  std::map<RaftId, int> side_;  // of a partition; absent: 0
  std::set<RaftId> removed_;    // from the group, as somebody applied it
  std::set<RaftId> gone_;       // of these, those that have stopped for good
  std::uint64_t next_write_ = 1;
  std::map<Index, Pending> pending_;  // proposals by where they should come
  // What any client was told, which everybody who asks afterwards must be told too.
  Index known_;
  std::uint64_t next_read_ = 1;
  std::map<std::uint64_t, Index> reads_;  // under way: what was known when they were asked for
};

}  // namespace swarm::raft::testing
