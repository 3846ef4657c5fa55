// A member of the simulated group: a core, the owner that does its work, and a disk that loses
// what was not synced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/raft.h"
#include "core/storage.h"
#include "counters.h"
#include "dice.h"
#include "oracle.h"

namespace swarm::raft::testing {

// What the world around a member does for it.
class World {
 public:
  virtual ~World() = default;
  virtual void Send(Message message) = 0;
  // A committed entry was applied by a member that is up.
  virtual void Applied(RaftId member, const Entry& entry) = 0;
  // Whether the group's timing is fast after this entry, by what was applied anywhere.
  virtual bool FastAt(Index index) const = 0;
  // A member knows that it still led when the read was asked for; what it has applied by now is the
  // answer. Or it does not lead, and gives none.
  virtual void Answered(std::uint64_t read, Index applied) = 0;
  virtual void TurnedDown(std::uint64_t read) = 0;
};

struct MemberSettings {
  RaftId id;
  Variant variant;
  bool pre_vote = false;
  bool profiles = false;  // of a group whose timing follows its members; else it is constant
  // Writes beside everything else, as the product does; else one batch after the other, messages
  // last, as SwarmKit does.
  bool pipelined = false;
  std::uint64_t append_bytes = 40;
  // Of the group it is created with; empty for one that is added later.
  std::vector<RaftId> voters;
};

class SimMember {
 public:
  SimMember(MemberSettings settings, World& world, Oracle& oracle, Counters& counters, Dice& dice);

  RaftId id() const { return settings_.id; }
  bool up() const { return raft_ != nullptr; }
  const Raft& raft() const { return *raft_; }

  // What happens to it. All but Start need it to be up.
  void Tick();
  void Receive(Message message);
  Proposed Propose(Payload payload);
  Proposed Change(const ConfChange& change);
  void TransferTo(RaftId to);
  // As the store does it, it takes work only once it has applied all that was there when it was
  // elected.
  bool serves() const;
  // Of the next write: as the store numbers them.
  std::uint64_t NextVersion() const { return std::max(applied_.value(), next_version_); }
  void GaveVersion(std::uint64_t version) { next_version_ = version + 1; }
  // A client wants to know what is there. Not a member of 2021, which answers unasked.
  void Read(std::uint64_t read);
  bool answers_reads() const { return !settings_.variant.rules_2021(); }
  // Nothing can be written until there is room again.
  void FillDisk() { disk_full_ = true; }
  void FreeDisk() { disk_full_ = false; }
  void ReportUnreachable(RaftId id);
  void ReportSnapshot(RaftId id, bool arrived);
  // Takes one batch of work, finishes the oldest write, applies the oldest batch; false: nothing
  // to do.
  bool TakeWork();
  bool FinishWrite();
  bool ApplyBatch();
  void TakeSnapshot();
  // A leader's heartbeats come as the fast profile needs them, whichever is in force; so they do
  // when leadership begins.
  void Hurry(bool hurry);
  bool fast() const { return fast_; }
  bool hurried() const { return hurried_; }
  Index applied() const { return applied_; }
  const MemberSettings& settings() const { return settings_; }
  void Crash();
  void Start();

 private:
  struct Write {
    HardState hard_state;
    std::vector<Entry> entries;
    SnapshotRef snapshot;
    bool must_sync = false;
    WriteMark mark;
    std::vector<Message> before;  // not pipelined: everything waits
    std::vector<Message> after;
    std::vector<Entry> committed;  // not pipelined: applied afterwards
  };

  void Did();
  void AnswerReads();
  void DropReads();
  bool HasRoomFor(const Write& write);
  void Store(const Write& write);
  void StoreEntries(const std::vector<Entry>& entries) { storage_.Append(entries); }
  void Install(const Snapshot& snapshot);
  void Say(std::vector<Message>& messages);
  void Apply(const std::vector<Entry>& entries);
  void UseTiming();
  Timing TimingNow() const;

  const MemberSettings settings_;
  World& world_;
  Oracle& oracle_;
  Counters& counters_;
  Dice& dice_;

  // The disk. The commit index may be older than the rest, since it is not synced by itself.
  MemoryStorage storage_;
  HardState hard_state_;
  Index synced_commit_;
  bool disk_full_ = false;

  // Lost in a crash.
  std::unique_ptr<Raft> raft_;
  std::deque<Write> writes_;
  std::deque<std::vector<Entry>> batches_;
  ConfState conf_state_;
  Index applied_;
  bool fast_ = false;
  bool hurried_ = true;
  bool leads_ = false;
  Index caught_up_at_;  // of a leader: its first entry
  std::uint64_t next_version_ = 0;
  struct PendingRead {
    std::uint64_t read;
    std::uint64_t round;
  };
  std::deque<PendingRead> reads_;
  std::uint64_t round_ = 0;
};

}  // namespace swarm::raft::testing
