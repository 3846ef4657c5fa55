// One member of a raft group as a state machine: ticks and messages go in, batches of work come
// out. It does no I/O, reads no clock, starts no thread and logs nothing; the same inputs always
// give the same outputs. A peer of etcd's raft library as SwarmKit uses it, of 2021 and later.
//
// The owner's loop: while HasReady, TakeReady; write what is to be written and then call Written;
// send the messages; apply the committed entries and then call Applied. Further batches may be
// taken before the earlier ones are written (so that writes share a sync), as long as all are
// written and applied in order.
//
// Threading: one caller at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/conf_change.h"
#include "core/group.h"
#include "core/log.h"
#include "core/options.h"
#include "core/storage.h"
#include "core/types.h"

namespace swarm::raft {

// What a member starts from: nothing, or what it had written and applied.
struct Saved {
  HardState hard_state{};
  ConfState conf_state{};  // as of `applied`
  Index applied{};         // usually the snapshot's
};

struct SoftState {
  RaftId leader;  // kNobody: none known
  Role role = Role::kFollower;

  friend bool operator==(const SoftState&, const SoftState&) = default;
};

// Names a batch to be written; handed back with Written.
struct WriteMark {
  Term term;
  Position last;   // index 0: no entries
  Index snapshot;  // 0: none

  bool empty() const { return last.index == Index() && snapshot == Index(); }
};

struct Ready {
  std::optional<SoftState> soft_state;  // if changed
  HardState hard_state;                 // to be written; empty if unchanged
  std::vector<Entry> entries;           // to be written; they replace what has their indices
  SnapshotRef snapshot;                 // to be written and applied before all else
  // False: no entries, term or vote; the commit index may get lost. (A snapshot always syncs.)
  bool must_sync = false;
  WriteMark mark;
  // May leave before anything is written.
  std::vector<Message> messages;
  // Only after this batch and all earlier ones are written. Those to oneself go to Step.
  std::vector<Message> messages_after_write;
  std::vector<Entry> committed;  // to be applied; conf changes with ApplyConfChange
};

enum class StepResult : std::uint8_t {
  kOk,               // also if it was of no consequence
  kProposalDropped,  // no leader, or one that takes none now: try again
  kUnknownPeer,      // an answer from someone who is no member
  kMalformed,        // no member of any make sends this; ignored
  kBroken,           // see fault()
};

struct Proposed {
  StepResult result = StepResult::kOk;
  // Of the first of them, when this member leads; else 0.
  Index first{};
  // The conf change was not taken, since one is under way; an empty entry is in its place.
  bool conf_change_refused = false;
};

class Raft {
 public:
  // `storage` outlives it. Storage's entries after `saved.applied` will be applied anew.
  Raft(Options options, const Storage& storage, const Saved& saved);
  Raft(const Raft&) = delete;
  Raft& operator=(const Raft&) = delete;

  void Tick();
  // A message of a peer, or one that Ready addressed to this member itself.
  StepResult Step(Message message);

  // All or none; as one append. A payload is not null.
  Proposed Propose(std::vector<Payload> payloads);
  Proposed ProposeConfChange(const ConfChange& change);
  Proposed ProposeConfChange(const ConfChangeV2& change);

  // Asks the members whether this one still leads; heartbeats do it. Rounds rise from call to call,
  // also over leaderships. False: it does not lead.
  bool ConfirmLeadership(std::uint64_t round);
  // The newest round after whose beginning a majority knew no later leader; 0: none of this term.
  std::uint64_t confirmed_round() const { return confirmed_round_; }

  // Stands for election, if it may.
  void Campaign();
  // Leadership is to go to `to`, which is told as soon as it has the whole log. Proposals are
  // dropped until then, or until an election timeout has passed in vain.
  void TransferLeadership(RaftId to);
  // No longer bound to the leader it knows: votes for a candidate at once.
  void ForgetLeader();
  // A message to this member got lost.
  void ReportUnreachable(RaftId id);
  // What became of the last snapshot sent to it.
  void ReportSnapshot(RaftId id, bool arrived);

  bool HasReady() const;
  Ready TakeReady();
  // The disk took nothing of what was handed out and not called Written, nor will it: forgets those
  // entries and what was to be said of them. Only a leader without other members can, since nobody
  // else knows of them; and not before it has written one entry of its term. False: it cannot.
  bool DropUnwritten();
  // The batch is durable, storage has it.
  void Written(const WriteMark& mark);
  // The state machine has everything up to `index`. Not for snapshots, where Written says it.
  void Applied(Index index);
  // For every committed conf change entry, before Applied: the group as it then is. None: it cannot
  // be applied, see fault(). One that a snapshot has overtaken changes nothing.
  std::optional<ConfState> ApplyConfChange(const Entry& entry);

  RaftId id() const { return options_.id; }
  Term term() const { return term_; }
  RaftId vote() const { return vote_; }
  Role role() const { return role_; }
  RaftId leader() const { return leader_; }
  RaftId transferee() const { return transferee_; }
  bool voter() const { return group_.configuration().voters.Contains(id()); }
  const Log& log() const { return log_; }
  const Configuration& configuration() const { return group_.configuration(); }
  // What the leader knows of the members; stale on others.
  const ProgressMap& members() const { return group_.members(); }
  // Why this member cannot go on: its state contradicts the group's. It then ignores everything;
  // nothing of it may be trusted. Empty: it can.
  const std::string& fault() const { return fault_; }

  // As in Options, from now on. A shorter election timeout begins anew, since the leader was held
  // to the longer one until now. No election comes of it in a group whose leader sends heartbeats
  // as the shortest timeout of any member needs them: it is the first to hurry and the last to
  // slow down.
  void SetTiming(const Timing& timing);
  Timing timing() const {
    return {options_.election_ticks, options_.heartbeat_ticks, options_.pre_vote};
  }
  // As Options::pre_vote, from the next election on.
  void SetPreVote(bool pre_vote) { options_.pre_vote = pre_vote; }

  void SetElectionTimeoutForTest(int ticks) { election_timeout_ = ticks; }

 private:
  enum class CampaignKind : std::uint8_t { kPreVote, kVote, kTransfer };

  // raft.cpp: terms and roles
  bool AcceptTerm(const Message& message);
  void AnswerStale(const Message& message);
  StepResult Dispatch(Message& message);
  StepResult StepLeader(Message& message);
  StepResult StepOther(Message& message);
  void Reset(Term term);
  void DrawElectionTimeout();
  void BecomeFollower(Term term, RaftId leader);
  void TickLeader();
  bool ShortensTies() const { return options_.short_ties && !options_.pre_vote; }
  int TimeToStand() const;
  int LeaseTicks() const;
  void Send(Message message);
  void Break(std::string why);
  HardState hard_state() const { return {term_, vote_, log_.committed()}; }
  SoftState soft_state() const { return {leader_, role_}; }

  // election.cpp
  bool Promotable() const;
  bool HasUnappliedConfChange() const;
  void Stand(CampaignKind kind);
  void StartCampaign(CampaignKind kind);
  void BecomeLeader();
  void AnswerVote(const Message& message);
  void CountVote(const Message& message);

  // leader.cpp: replication as seen by the leader
  void Broadcast();
  void SendAppend(RaftId to) { MaybeSendAppend(to, true); }
  bool MaybeSendAppend(RaftId to, bool even_if_empty);
  bool SendSnapshot(RaftId to, Progress& progress);
  void SendHeartbeats();
  void HandleAppendResponse(const Message& message, Progress& progress);
  void HandleRejection(const Message& message, Progress& progress);
  void HandleMatch(const Message& message, Progress& progress);
  bool UpdateProgress(Progress& progress, Index index);
  void HandleHeartbeatResponse(const Message& message, Progress& progress);
  void HandleTransfer(RaftId to);
  void SendTimeoutNow(RaftId to);
  void CountConfirmation(const Message& message, Progress& progress);
  void UpdateConfirmed();
  bool MaybeCommit();
  bool QuorumActive();

  // follower.cpp: replication as seen by the others
  void HandleAppend(const Message& message);
  void RejectAppend(const Message& message);
  void HandleHeartbeat(const Message& message);
  void HandleSnapshot(const Message& message);
  bool RestoreFrom(const SnapshotRef& snapshot);

  // proposals.cpp
  Proposed ProposeEntries(std::vector<Entry> entries);
  StepResult Forward(std::vector<Entry> entries);
  void AdmitConfChange(Entry& entry, Index index, Proposed& proposed);
  bool AppendEntries(std::vector<Entry> entries);
  void UseConfiguration();

  // ready.cpp
  void AppliedTo(Index index);
  void MaybeLeaveJoint();

  Options options_;
  Log log_;
  Group group_;

  Term term_;
  RaftId vote_;
  RaftId leader_;
  Role role_ = Role::kFollower;
  std::map<RaftId, bool> votes_;

  int election_elapsed_ = 0;  // ticks since the leader, or the last election, was heard of
  int heartbeat_elapsed_ = 0;
  int election_timeout_ = 0;
  // How often this member stood for election, or else whether it refused somebody who did, since it
  // last heard of a leader or gave its vote away.
  int ties_ = 0;

  // While leading:
  RaftId transferee_;  // kNobody: none
  // A conf change up to here may not be applied yet: no other is taken.
  Index pending_conf_index_;
  std::uint64_t uncommitted_bytes_ = 0;

  // Whether it still leads: the round that was asked for last, and the last that was confirmed.
  std::uint64_t asked_round_ = 0;
  std::uint64_t confirmed_round_ = 0;

  Index restored_;  // the last snapshot that replaced everything

  std::vector<Message> messages_;
  std::vector<Message> messages_after_write_;
  // What the last Ready told.
  SoftState told_soft_;
  HardState told_hard_;
  std::string fault_;
};

}  // namespace swarm::raft
