// Agreement on one log of store changes, and who leads. Implemented by plugins/standalone (a group
// of one) and plugins/raft; used by the store, the proxies and the node life cycle.
//
// The pipeline: on leadership the store opens a proposal epoch and proposes with sequence 1, 2, 3
// ... without waiting. Consensus takes them strictly in that order. From the first refusal (too
// large, disk full, leadership moving) it refuses everything of the epoch, so that no proposal is
// ever accepted whose base was lost; the store goes back to its committed state and opens the next
// epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/export.h"
#include "swarm/function.h"
#include "swarm/ids.h"
#include "swarm/status.h"

namespace swarm {

// Largest accepted size of a log entry: SwarmKit's protocol limit.
inline constexpr std::size_t kMaxEntryBytes = 1572864;

// One committed log entry.
struct CommittedEntry {
  Index index;
  // Which of the store's own proposals it is: both 0 when it is not one of the current proposal
  // epoch (another leader's, replayed, or given up), and then `data` must be applied.
  ProposalEpoch epoch;
  Sequence sequence;
  // A docker.swarmkit.v1.InternalRaftRequest; empty for entries without changes. Empty also for
  // own proposals, whose changes the store holds already.
  std::string data;
};

// A copy of the store's content to be kept instead of the log.
struct StoreImage {
  Index index;       // of the last entry it contains
  std::string data;  // a docker.swarmkit.v1.StoreSnapshot
};

// The state machine under consensus: implemented by the store.
// Threading: called on consensus' loop, one call at a time, in log order; must not block, so the
// store posts to its own loop in turn.
class SWARM_EXPORT ReplicatedState {
 public:
  virtual ~ReplicatedState();
  virtual void OnCommitted(std::vector<CommittedEntry> entries) noexcept = 0;
  // Replaces everything.
  virtual void OnRestore(StoreImage image) noexcept = 0;
  // This node leads and has passed on every committed entry. `commit`: the last of them.
  virtual void OnLeader(LeaderEpoch epoch, Index commit) noexcept = 0;
  // No longer; comes before any entry of the next leader. Everything proposed and not reported
  // committed has an unknown outcome.
  virtual void OnFollower() noexcept = 0;
  // Sequence `first` and all later ones of the epoch will never commit.
  virtual void OnRefused(ProposalEpoch epoch, Sequence first, Status why) noexcept = 0;
  // Serialises the state in the background and calls `done`, on any thread.
  virtual void Capture(Function<void(Result<StoreImage>)> done) noexcept = 0;
  // [any] For how long it has been at one piece of work, in milliseconds; 0 while it waits for
  // some. A leader whose state machine is stuck gives leadership away.
  virtual std::int64_t BusyMs() const noexcept;
};

struct Member {
  RaftId raft_id;
  std::string node_id;
  std::string address;
  bool self = false;
  bool leader = false;
  bool reachable = false;
  // How long it has not been reached; 0 while it is reachable.
  std::int64_t unreachable_ms = 0;
};

struct LeaderInfo {
  bool self = false;
  std::string node_id;  // empty: no leader known
  std::string address;
  // How long there has been no leader; only when none is known.
  std::int64_t leaderless_ms = 0;
};

// Threading: [any] unless said otherwise. Life: the instance is created, Attach is called by the
// store, then it is started; after its stop no callback comes.
class SWARM_EXPORT Consensus {
 public:
  virtual ~Consensus();

  // [before start] Once. The store outlives consensus' stop.
  virtual void Attach(ReplicatedState& state) noexcept = 0;

  // A fresh epoch, with Sequence 1 as its first; the one before it is over. Refused (Unavailable)
  // unless `leadership` is the current one.
  virtual Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership) noexcept = 0;
  // `changes`: a serialised InternalRaftRequest without its id, at most kMaxEntryBytes. The
  // outcome is OnCommitted or OnRefused (or OnFollower).
  virtual void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept = 0;

  virtual LeaderInfo Leader() const noexcept = 0;
  virtual std::vector<Member> Members() const noexcept = 0;
  // Last committed index known here.
  virtual Index CommitIndex() const noexcept = 0;
  // Asks for leadership to move elsewhere; FailedPrecondition when nobody can take it.
  virtual Status TransferLeadership() noexcept = 0;
  // Whether other managers can become members of the group.
  virtual bool CanGrow() const noexcept;
  // Whether the members that can be reached are a majority of the group without `member`
  // (SwarmKit's rule). False for one that is not listed.
  virtual bool CanRemoveMember(RaftId member) const noexcept;
  // Takes `member` out of the group; `done`, on any thread, once that is applied here or cannot be
  // (then with SwarmKit's texts). Only the leader does it, and not to itself.
  virtual void RemoveMember(RaftId member, Function<void(Status)> done) noexcept;
  // `fn`, on any thread, once the group has taken this member out; at once if it has already. Its
  // log is worthless from then on, and the instance is to be stopped.
  virtual void WatchRemoval(Function<void()> fn) noexcept;
  // From now on the log on disk is encrypted with `key`. `done`, on any thread, once nothing in it
  // needs another key, which may be long after; Unimplemented when it keeps no such log. One at a
  // time; a key that is in use already is fine. Not called any more after the stop.
  virtual void UseLogKey(std::string key, Function<void(Status)> done) noexcept;
  // Changes of the entries in (from, to], for resuming a watch. OutOfRange with SwarmKit's texts
  // when they are not (or no longer) in the log.
  virtual void ReadLog(Index from, Index to,
                       Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept = 0;
};

inline constexpr std::string_view kConsensusRole = "consensus/1";

}  // namespace swarm
