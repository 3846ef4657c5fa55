// Replication as a follower sees it.
#include <algorithm>

#include "core/raft.h"

namespace swarm::raft {
namespace {

std::string Text(Index index) { return std::to_string(index.value()); }

}  // namespace

void Raft::HandleAppend(const Message& message) {
  if (message.index < log_.committed()) {
    Send({.type = MessageType::kAppendResponse, .to = message.from, .index = log_.committed()});
    return;
  }
  if (!log_.Has({message.index, message.log_term})) {
    RejectAppend(message);
    return;
  }
  const Index last = message.index + message.entries.size();
  if (const std::optional<Index> first = log_.FirstMissing(message.entries)) {
    if (*first <= log_.committed()) {
      Break("leader " + std::to_string(message.from.value()) + " sends another entry " +
            Text(*first) + " than was committed here");
      return;
    }
    log_.Append(std::span(message.entries).subspan(*first - message.index - 1));
  }
  // Not further than the logs were compared: what comes after may be another leader's.
  log_.CommitTo(std::min(message.commit, last));
  Send({.type = MessageType::kAppendResponse, .to = message.from, .index = last});
}

void Raft::RejectAppend(const Message& message) {
  // Tell the newest place where the logs may meet: entries of later terms than the leader's at
  // this index cannot be the leader's. It spares a round trip for every one of them.
  Position meeting{log_.LastIndex(), Term()};
  if (!options_.variant.rules_2021())
    meeting = log_.FindMeeting(std::min(message.index, log_.LastIndex()), message.log_term);
  Send({.type = MessageType::kAppendResponse,
        .to = message.from,
        .log_term = meeting.term,
        .index = message.index,
        .reject_hint = meeting.index,
        .reject = true});
}

void Raft::HandleHeartbeat(const Message& message) {
  if (message.commit > log_.LastIndex()) {
    Break("leader " + std::to_string(message.from.value()) + " knows entries up to " +
          Text(message.commit) + " to be stored here, but the log ends at " +
          Text(log_.LastIndex()) + ": the log of this member was lost or cut off");
    return;
  }
  log_.CommitTo(message.commit);
  Send({.type = MessageType::kHeartbeatResponse, .to = message.from, .context = message.context});
}

void Raft::HandleSnapshot(const Message& message) {
  const bool restored = RestoreFrom(message.snapshot);
  Send({.type = MessageType::kAppendResponse,
        .to = message.from,
        .index = restored ? log_.LastIndex() : log_.committed()});
}

// False: the log is at least as far.
bool Raft::RestoreFrom(const SnapshotRef& snapshot) {
  if (snapshot->position.index <= log_.committed()) return false;
  if (log_.Has(snapshot->position)) {
    log_.CommitTo(snapshot->position.index);
    return false;
  }
  // A snapshot from before this member was added is welcome too: leaders of 2021 send them, and
  // the entry that adds it follows.
  if (Group::Error error = group_.Restore(snapshot->conf_state, snapshot->position.index)) {
    Break("a snapshot's configuration makes no sense: " + *error);
    return false;
  }
  restored_ = snapshot->position.index;
  log_.Restore(snapshot);
  return true;
}

}  // namespace swarm::raft
