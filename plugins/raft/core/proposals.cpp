// What is put into the log: entries of the owner's, and changes of the group.
#include <algorithm>

#include "core/raft.h"

namespace swarm::raft {

Proposed Raft::Propose(std::vector<Payload> payloads) {
  std::vector<Entry> entries;
  entries.reserve(payloads.size());
  for (Payload& payload : payloads) entries.push_back({.data = std::move(payload)});
  return ProposeEntries(std::move(entries));
}

Proposed Raft::ProposeConfChange(const ConfChange& change) {
  return ProposeEntries({{.type = EntryType::kConfChange, .data = MakePayload(Encode(change))}});
}

Proposed Raft::ProposeConfChange(const ConfChangeV2& change) {
  return ProposeEntries({{.type = EntryType::kConfChangeV2, .data = MakePayload(Encode(change))}});
}

Proposed Raft::ProposeEntries(std::vector<Entry> entries) {
  if (!fault_.empty()) return {.result = StepResult::kBroken};
  if (entries.empty()) return {.result = StepResult::kMalformed};
  if (role_ != Role::kLeader) return {.result = Forward(std::move(entries))};
  // A leader that was removed, or is about to hand over, takes nothing more on.
  if (!group_.Find(id()) || transferee_ != kNobody) return {.result = StepResult::kProposalDropped};
  Proposed proposed{.first = log_.LastIndex() + 1};
  Index index = proposed.first;
  for (Entry& entry : entries) {
    if (IsConfChange(entry)) AdmitConfChange(entry, index, proposed);
    index = index + 1;
  }
  if (!AppendEntries(std::move(entries))) return {.result = StepResult::kProposalDropped};
  Broadcast();
  return proposed;
}

StepResult Raft::Forward(std::vector<Entry> entries) {
  if (role_ != Role::kFollower || leader_ == kNobody || !options_.forward_proposals)
    return StepResult::kProposalDropped;
  Send({.type = MessageType::kProposal, .to = leader_, .entries = std::move(entries)});
  return StepResult::kOk;
}

void Raft::AdmitConfChange(Entry& entry, Index index, Proposed& proposed) {
  const std::optional<ConfChangeV2> change = DecodeConfChange(entry);
  const bool pending =
      pending_conf_index_ > log_.applied() && !options_.variant.has(Fault::kChangesTogether);
  const bool joint = configuration().voters.joint();
  // While joint, leaving is all that can be done; otherwise it cannot.
  const bool wrong = !change || pending || joint != change->steps.empty();
  if (!change || (wrong && options_.check_conf_changes)) {
    // As every make of peer does it: an empty entry in its place.
    entry = Entry{};
    proposed.conf_change_refused = true;
  } else {
    pending_conf_index_ = index;
  }
}

bool Raft::AppendEntries(std::vector<Entry> entries) {
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += PayloadBytes(entry);
  const std::uint64_t limit = options_.max_uncommitted_bytes;
  if (limit != 0 && uncommitted_bytes_ > 0 && bytes > 0 && uncommitted_bytes_ + bytes > limit)
    return false;
  uncommitted_bytes_ += bytes;

  Index index = log_.LastIndex();
  for (Entry& entry : entries) {
    index = index + 1;
    entry.term = term_;
    entry.index = index;
  }
  log_.Append(entries);
  if (options_.variant.rules_2021()) {
    group_.Find(id())->Matched(index);
    MaybeCommit();
  } else {
    // Its own copy counts once it is written, like everyone's.
    Send({.type = MessageType::kAppendResponse, .to = id(), .index = index});
  }
  return true;
}

std::optional<ConfState> Raft::ApplyConfChange(const Entry& entry) {
  if (!fault_.empty()) return std::nullopt;
  const std::optional<ConfChangeV2> change = DecodeConfChange(entry);
  if (!change || entry.index <= restored_) return configuration().ToState();
  if (Group::Error error = group_.Apply(*change, log_.LastIndex())) {
    Break("entry " + std::to_string(entry.index.value()) +
          " changes the group as it cannot be: " + *error);
    return std::nullopt;
  }
  UseConfiguration();
  return configuration().ToState();
}

void Raft::UseConfiguration() {
  if (role_ != Role::kLeader) return;
  const Progress* self = group_.Find(id());
  if (!self || self->learner()) {
    if (options_.step_down_on_removal) BecomeFollower(term_, kNobody);
    return;
  }
  // A smaller majority may have what the larger had not. And newcomers need not wait for the next
  // heartbeat.
  if (MaybeCommit()) {
    Broadcast();
  } else {
    for (const auto& [member, progress] : group_.members()) {
      if (member != id()) MaybeSendAppend(member, false);
    }
  }
  if (!configuration().voters.Contains(transferee_)) transferee_ = kNobody;
}

}  // namespace swarm::raft
