// How one member of a raft group behaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "core/log.h"
#include "core/types.h"
#include "core/variant.h"

namespace swarm::raft {

// How a member times elections; may change while it runs.
struct Timing {
  int election_ticks = 10;
  int heartbeat_ticks = 1;
  bool pre_vote = false;

  friend bool operator==(const Timing&, const Timing&) = default;
};

struct Options {
  RaftId id;  // never 0, never used before by another member

  // A leader that was silent for this many ticks is given up; the time until a member stands for
  // election is drawn from [election_ticks, 2 * election_ticks) each time. Ten times
  // heartbeat_ticks is good, more than it is needed.
  int election_ticks = 10;
  int heartbeat_ticks = 1;

  // Entries in one append, encoded, and in one batch to be applied; each holds at least one entry.
  std::uint64_t max_append_bytes = 65535;
  std::uint64_t max_applying_bytes = kUnlimited;
  // Appends sent to a member and not answered. Bytes: of payloads, 0 is no limit.
  std::size_t max_inflight_appends = 256;
  std::uint64_t max_inflight_bytes = 0;
  // Payload bytes that a leader takes on before they are applied; the first proposal is taken
  // whatever its size. 0 is no limit.
  std::uint64_t max_uncommitted_bytes = 0;

  // A leader that has not heard from a majority for election_ticks steps down, and nobody votes
  // while there is a leader.
  bool check_quorum = true;
  // Ask before standing for election, which spares the group elections nobody can win. Not in a
  // group with members that follow the rules of 2021: they do not answer everything this needs.
  bool pre_vote = false;
  // Among members that do not ask first, two that stand at about the same time keep each other from
  // being elected, and one that stands as soon as it may is not answered by those who heard of the
  // leader a moment longer; either costs a whole timeout. With this, a candidate, or who refused
  // one, stands after 3 to 6 tenths of a timeout when no leader came of it, twice in a row at most,
  // and half of one without the leader is enough to vote for another. Without effect beside
  // pre_vote.
  bool short_ties = false;
  // A leader that is no longer a voter becomes a follower at once, instead of carrying on until
  // another takes over.
  bool step_down_on_removal = false;
  // A follower passes proposals on to its leader.
  bool forward_proposals = true;
  // Refuse a conf change before the one before it is applied. Only the owner's own order could
  // replace it.
  bool check_conf_changes = true;
  // The owner reads under the leader's lease, so ForgetLeader is refused.
  bool lease_reads = false;
  // Hand out committed entries only once they are written here, for owners that write and apply
  // independently of each other.
  bool apply_written_only = false;
  // Snapshots are sent with the configuration that is in force, not the one they were taken in:
  // peers refuse one that does not list them. The joint configurations aside.
  bool current_members_in_snapshots = true;

  // Uniform in [0, bound).
  std::function<std::uint64_t(std::uint64_t bound)> random;

  Variant variant;
};

}  // namespace swarm::raft
