// The owner of a raft core: gives it time, messages and proposals, and does the work it asks for.
//
// Three loops: `loop_` has the core and talks to the store; `disk_` writes the log, all that has
// come up during the last write in one go and with one sync; `background_` writes and reads
// snapshots, which may take long. The network is the transport's.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "consensus/opening.h"
#include "consensus/proposals.h"
#include "core/raft.h"
#include "member_table.h"
#include "options.h"
#include "profile.h"
#include "swarm/consensus.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "timing_rpc.h"
#include "transport.h"
#include "wal/key_rotation.h"
#include "wal/storage.h"

namespace swarm::raft {

using docker::swarmkit::v1::RaftMember;

class Driver : public std::enable_shared_from_this<Driver> {
 public:
  // `fatal`: the log cannot be written any more; once, from any thread.
  Driver(Runtime& runtime, MemberOptions options, Logger log, Function<void(Status)> fatal);

  // [main] As swarm::Consensus and swarm::Instance have them. `peers`: whom the group has named on
  // joining.
  void Attach(ReplicatedState& state) { state_ = &state; }
  void Start(std::shared_ptr<Transport> transport, std::vector<RaftMember> peers,
             Function<void(Status)> done);
  // [any] Gives leadership to another member, if somebody can have it; `done` on its loop, soon in
  // any case.
  void HandOver(Function<void()> done);
  // [any but its loops] Nothing of it runs afterwards.
  void Stop();

  // [any]
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership);
  void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes);
  LeaderInfo Leader() const { return table_.Leader(); }
  std::vector<Member> Members() const { return table_.Members(); }
  Index CommitIndex() const { return Index(commit_.load()); }
  Status TransferLeadership();
  void ConfirmLeadership(Function<void(Status)> done);
  void ReadLog(Index from, Index to, Function<void(Result<std::vector<CommittedEntry>>)> done);
  void WatchRemoval(Function<void()> fn);
  void UseLogKey(std::string key, Function<void(Status)> done);

  // [any] A message of a peer, well formed and for this member.
  void Receive(Message message);
  const MemberTable& table() const { return table_; }
  void ReportUnreachable(RaftId id);
  void ReportSnapshot(RaftId id, bool arrived);
  void ReportActivity(RaftId id, bool active);
  void ReportRemoved();

  // [any] Puts a change of the group into the log and waits until it is applied here. One at a
  // time. Unknown with SwarmKit's text when this member does not lead.
  void Change(ConfChangeType type, RaftMember member, Function<void(Status)> done);

  // [any] What this member knows of the group's timing.
  ProfileStatus profile() const;
  // [any] While it leads: whether heartbeats come as the fast profile needs them, also under the
  // other. So it is whenever leadership begins, and has to be before the group becomes fast.
  // `since`: of the profile that the caller has seen; without effect when there is another by now.
  void Hurry(bool hurry, Index since);
  const MemberOptions& options() const { return options_; }

 private:
  // One batch of the core's work for the disk.
  struct Part {
    HardState hard_state;
    std::vector<Entry> entries;
    SnapshotRef snapshot;
    bool must_sync = false;
    WriteMark mark;
    std::vector<Message> after;

    bool NeedsDisk() const { return must_sync || snapshot != nullptr; }
  };
  // A proposal of this leader that is in the log and not committed yet.
  struct Own {
    Index index;
    ProposalEpoch epoch;
    Sequence sequence;
  };
  struct PendingChange {
    std::uint64_t id = 0;
    ConfChange change;
    Function<void(Status)> done;
    std::unique_ptr<Timer> deadline;
  };

  // driver.cpp [disk]
  void Open(std::vector<RaftMember> peers, Function<void(Status)> done);
  // [loop]
  void Begin(consensus::OpenedMember opened, std::vector<RaftMember> peers);
  void MakeCore(const consensus::OpenedMember& opened);
  void Turn();
  void Handle(Ready ready);
  void ScheduleTick();
  void Tick();
  void ProbeIfDue();
  void Say(std::vector<Message> messages);
  void Break();
  std::optional<RaftId> Heir() const;
  void LeaveIfStuck();
  // [any]
  void Fail(const Status& why);

  // writing.cpp [loop]
  void WriteNext();
  void OnWritten(std::vector<Part> parts);
  void OnFull(std::vector<Part> parts, const Status& why);
  void DropUnwritten(const Status& why);
  void FinishPart(Part& part);
  void Install(Part part);
  void OnInstalled(Part part);
  void OnInstallFailed(Part part, const Status& why);
  void RetryLater();
  // [disk]
  void Write(std::vector<Part> parts);
  void ScheduleZeros();

  // leading.cpp [loop]
  void OnSoftState(const SoftState& soft);
  void TellRole(const SoftState& soft) const;
  void LeadIfCaughtUp();
  void AnnounceAddress();
  void StepDown();
  void TakeProposals();
  void ProposeBatch(consensus::Batch& batch);
  void Refuse(std::vector<consensus::Refusal> refusals);
  void RefuseQueued(const Status& why);
  bool AskWhoLeads();

  // applying.cpp [loop]
  void Apply(const std::vector<Entry>& entries);
  void ApplyChange(const Entry& entry);
  void FinishChange(std::uint64_t id, const Status& outcome);
  void ProposeChange();
  void UseMembers();
  CommittedEntry ToCommitted(const Entry& entry);

  // timing.cpp [loop]
  void SetProfile(Profile profile, Index since);
  void UseTiming();
  void CheckLeader();
  void OnLeaderAnswer(RaftId leader, Make make);

  // snapshots.cpp [loop]
  void SnapshotIfDue();
  void OnCaptured(Result<StoreImage> image);
  void OnSnapshotDone(const wal::SnapshotMark& mark, std::vector<RaftId> voters, int key);
  void RotateFrom(Index last, int key, Function<void(Status)> done);
  void OnRotated();
  void OnSnapshotFailed(const Status& why);
  const consensus::Membership& MembershipAt(Index index) const;
  void SendSnapshot(Message message);
  // [background]
  void SaveSnapshot(const wal::SnapshotView& snapshot, std::size_t keep);

  template <class Fn>
  void On(const std::unique_ptr<Loop>& loop, Fn fn) {
    loop->Post([self = shared_from_this(), fn = std::move(fn)]() mutable { fn(*self); });
  }

  // Constant after construction and Start.
  Runtime& runtime_;
  const MemberOptions options_;
  const Ticks ticks_;
  const Logger log_;
  ReplicatedState* state_ = nullptr;
  std::shared_ptr<Transport> transport_;

  // [any]
  consensus::Proposals proposals_;
  MemberTable table_;
  std::atomic<std::uint64_t> commit_{0};
  std::atomic<bool> ending_{false};  // nothing begins any more
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  Function<void(Status)> fatal_;  // once
  // Written on the loop only, which reads it without the lock.
  mutable std::mutex profile_mutex_;
  ProfileStatus profile_;

  // [disk]
  std::unique_ptr<wal::Log> wal_;
  std::unique_ptr<Timer> zeros_timer_;
  std::string key_;  // encrypts the log
  int keys_ = 0;     // how often it was changed

  // [background], and before it runs the disk's.
  std::unique_ptr<wal::SnapshotFiles> snapshots_;
  wal::StorageOptions readable_;  // with the keys that may be needed
  int snapshot_key_ = 0;          // as `keys_`, of snapshots written from now on

  // [loop]
  Function<void(Status)> started_;
  std::unique_ptr<Random> random_;
  consensus::RequestIds ids_;
  MemoryStorage storage_;
  std::unique_ptr<Raft> core_;
  RaftMember self_;
  std::vector<RaftMember> hints_;  // peers that the log did not name yet
  consensus::Membership membership_;
  // The membership from each change on, since the last snapshot.
  std::map<Index, consensus::Membership> eras_;
  Index applied_;
  std::unique_ptr<Timer> tick_;
  SteadyTime next_probe_;
  bool hurried_ = true;
  bool leader_foreign_ = false;  // its heartbeats come as upstream's do, whatever the profile says
  std::unique_ptr<Timer> leader_check_;

  HardState hard_state_;
  std::deque<Part> parts_;  // to be written
  bool writing_ = false;
  std::unique_ptr<Timer> retry_;  // the disk was full

  bool leads_ = false;  // the store knows
  Index caught_up_at_;  // of a core that leads: its first entry
  std::deque<Own> own_;
  // Who wants to know whether this member still leads: those who came before the round that is
  // under way, and those who wait for the next.
  std::uint64_t round_ = 0;
  std::vector<Function<void(Status)>> asking_;
  std::vector<Function<void(Status)>> next_asking_;
  std::deque<PendingChange> changes_;  // the first is in the log
  Function<void()> handed_over_;
  std::unique_ptr<Timer> hand_over_timer_;

  wal::KeyRotation rotation_;
  Function<void(Status)> rotated_;
  Index snapshot_index_;
  Index next_snapshot_try_;
  bool snapshotting_ = false;
  bool removed_ = false;
  Function<void()> on_removed_;
  std::optional<SteadyTime> stuck_since_;  // when it last gave leadership away for a stuck store

  // Last, so that they end first.
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Loop> disk_;
  std::unique_ptr<Loop> background_;
};

}  // namespace swarm::raft
