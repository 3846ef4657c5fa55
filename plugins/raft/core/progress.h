// What the leader knows of one member's log, and how it sends to it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/inflights.h"
#include "core/types.h"

namespace swarm::raft {

enum class ProgressState : std::uint8_t {
  kProbe,      // one append, then silence until an answer: where the logs meet is not known
  kReplicate,  // a stream of appends
  kSnapshot,   // nothing: a snapshot is on its way
};

class Progress {
 public:
  // `match` < `next`.
  Progress(Index match, Index next, const Inflights& window)
      : match_(match), next_(next), window_(window) {}

  ProgressState state() const { return state_; }
  // The log is known to agree up to here, durably.
  Index match() const { return match_; }
  // First entry to send.
  Index next() const { return next_; }
  // Of the snapshot on its way; 0 when there is none.
  Index pending_snapshot() const { return pending_snapshot_; }
  const Inflights& window() const { return window_; }
  bool learner() const { return learner_; }
  void set_learner(bool learner) { learner_ = learner; }
  // Heard from since this was last cleared.
  bool recently_active() const { return recently_active_; }
  void set_recently_active(bool active) { recently_active_ = active; }

  void BecomeProbe();
  void BecomeReplicate();
  void BecomeSnapshot(Index index);
  // The snapshot did not arrive.
  void ForgetSnapshot() { pending_snapshot_ = Index(); }

  // No append may be sent now.
  bool paused() const { return state_ == ProgressState::kSnapshot || flow_paused_; }
  void set_flow_paused(bool paused) { flow_paused_ = paused; }
  // A member following the rules of 2021 gets back one place in the window for each sign of life.
  void FreeFirstSent() { window_.FreeFirst(); }
  void FreeSentUpTo(Index index) { window_.FreeUpTo(index); }

  void SentEntries(std::uint64_t count, std::uint64_t bytes);
  void SentCommit(Index commit) { sent_commit_ = commit; }
  // Whether telling this commit index may move the member's.
  bool CanRaiseCommit(Index commit) const {
    return commit > sent_commit_ && sent_commit_ < next_ - 1;
  }

  // The newest round of asking for leadership that it answered; 0: none.
  std::uint64_t confirmed_round() const { return confirmed_round_; }
  void Confirmed(std::uint64_t round) { confirmed_round_ = std::max(confirmed_round_, round); }

  // The member has everything up to `index`. False: that was known.
  bool Matched(Index index);
  // The member refused an append after `rejected`; the logs may meet at `hint`. False: the answer
  // is stale. `floor`: the probe never goes below.
  bool Rejected(Index rejected, Index hint, Index floor);

 private:
  void Enter(ProgressState state);
  void LowerSentCommit();

  ProgressState state_ = ProgressState::kProbe;
  bool flow_paused_ = false;
  bool learner_ = false;
  bool recently_active_ = false;
  Index match_;
  Index next_;
  Index sent_commit_;  // highest that the member was told, as far as its log goes
  Index pending_snapshot_;
  std::uint64_t confirmed_round_ = 0;
  Inflights window_;
};

}  // namespace swarm::raft
