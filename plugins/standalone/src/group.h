// A consensus group of one: what is in the synced log is committed.
//
// Three loops: `loop_` reports to the store, in log order; `disk_` writes the log, all that has
// been proposed meanwhile in one go; `background_` writes snapshots and reads old entries, which
// may take long.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "consensus/options.h"
#include "consensus/proposals.h"
#include "opening.h"
#include "swarm/consensus.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "wal/key_rotation.h"
#include "wal/storage.h"

namespace swarm::standalone {

using consensus::Options;

class Group : public std::enable_shared_from_this<Group> {
 public:
  Group(Runtime& runtime, Options options, Logger log, Function<void(Status)> fatal);

  // [main] As swarm::Consensus and swarm::Instance have them.
  void Attach(ReplicatedState& state) { state_ = &state; }
  void Start(Function<void(Status)> done);
  void Stop();

  // [any]
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership);
  void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes);
  LeaderInfo Leader() const;
  std::vector<Member> Members() const;
  Index CommitIndex() const { return Index(commit_.load()); }
  void ReadLog(Index from, Index to, Function<void(Result<std::vector<CommittedEntry>>)> done);
  void UseLogKey(std::string key, Function<void(Status)> done);

 private:
  // What others ask for while the group runs.
  struct Shown {
    Member self;
    SteadyTime leaderless_since;
    Index compacted;  // entries up to here are no longer to be read
    bool started = false;
  };

  // What a snapshot leaves of the past.
  struct Kept {
    std::size_t snapshots = 0;
    std::uint64_t entries = 0;
  };

  // [disk]
  void Open(Function<void(Status)> done);
  void WriteNext();
  void Write(consensus::Batch batch);
  void Fail(const Status& why);
  void ScheduleZeros();
  // [loop]
  void BeginReplay(OpenedGroup opened);
  void ReplayNext();
  void BeginLeading();
  void Report(std::vector<consensus::Proposal> written);
  void Refuse(std::vector<consensus::Refusal> refusals);
  void StepDown();
  void SnapshotIfDue();
  void OnCaptured(Result<StoreImage> image);
  void OnSnapshotDone(const wal::SnapshotMark& mark, int key);
  void OnSnapshotFailed(const Status& why);
  Term TermOf(Index index) const;
  void RotateFrom(Index last, int key, Function<void(Status)> done);
  void OnRotated();
  // [background]
  void SaveSnapshot(const wal::SnapshotView& snapshot, const Kept& kept);
  void DropOld(const wal::SnapshotMark& mark, const Kept& kept, int key);
  Result<std::vector<CommittedEntry>> ReadFromDisk(Index from, Index to);

  // Runs a member function on a loop.
  template <class Fn>
  void On(const std::unique_ptr<Loop>& loop, Fn fn) {
    loop->Post([self = shared_from_this(), fn = std::move(fn)]() mutable { fn(*self); });
  }

  // Constant after construction.
  Runtime& runtime_;
  const Options options_;
  const Logger log_;
  ReplicatedState* state_ = nullptr;

  // [any]
  consensus::Proposals proposals_;
  std::atomic<std::uint64_t> commit_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  Shown shown_;  // guarded by mutex_

  // [disk]
  Function<void(Status)> fatal_;
  bool failed_ = false;
  std::unique_ptr<wal::Log> wal_;
  Term term_;
  RaftId raft_id_;
  Index last_;
  std::unique_ptr<Timer> zeros_timer_;
  std::string key_;  // encrypts the log
  int keys_ = 0;     // how often it was changed

  // [background], and before it runs the disk's.
  std::unique_ptr<wal::SnapshotFiles> snapshots_;
  wal::StorageOptions readable_;  // with the keys that may be needed
  int snapshot_key_ = 0;          // as `keys_`, of snapshots written from now on

  // [loop]
  std::vector<wal::Entry> replay_;
  std::size_t replayed_ = 0;
  Function<void(Status)> started_;
  consensus::Membership membership_;
  std::map<Index, Term> terms_;
  wal::KeyRotation rotation_;
  Function<void(Status)> rotated_;
  Index snapshot_index_;
  Index next_snapshot_try_;
  bool snapshotting_ = false;
  bool leads_ = false;

  // Last, so that they end first.
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Loop> disk_;
  std::unique_ptr<Loop> background_;
};

}  // namespace swarm::standalone
