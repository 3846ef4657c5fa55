// Work out, and the owner's word that it is done.
#include <algorithm>

#include "core/raft.h"

namespace swarm::raft {

bool Raft::HasReady() const {
  if (!fault_.empty()) return false;
  const Unstable& unstable = log_.unstable();
  return soft_state() != told_soft_ || hard_state() != told_hard_ || !messages_.empty() ||
         !messages_after_write_.empty() || unstable.has_new_entries() ||
         unstable.NewSnapshot() != nullptr || log_.HasCommitted(options_.apply_written_only);
}

Ready Raft::TakeReady() {
  Ready ready;
  if (!fault_.empty()) return ready;
  if (soft_state() != told_soft_) ready.soft_state = told_soft_ = soft_state();
  const HardState hard = hard_state();
  ready.entries = log_.unstable().NewEntries();
  ready.must_sync =
      !ready.entries.empty() || hard.term != told_hard_.term || hard.vote != told_hard_.vote;
  if (hard != told_hard_) ready.hard_state = told_hard_ = hard;
  ready.snapshot = log_.unstable().NewSnapshot();
  ready.committed = log_.NextCommitted(options_.apply_written_only);
  ready.messages.swap(messages_);
  ready.messages_after_write.swap(messages_after_write_);

  ready.mark.term = term_;
  // Also when the entries were in an earlier batch: a term later, that batch's mark is void.
  if (!log_.unstable().empty()) ready.mark.last = log_.Last();
  if (ready.snapshot) ready.mark.snapshot = ready.snapshot->position.index;

  log_.unstable().HandOut();
  log_.StartApplying(ready.committed, options_.apply_written_only);
  return ready;
}

bool Raft::DropUnwritten() {
  const bool alone = group_.members().size() == 1 && group_.Find(id()) != nullptr;
  if (!fault_.empty() || role_ != Role::kLeader || !alone) return false;
  if (log_.TermAt(log_.committed()) != term_) return false;
  log_.unstable().DropEntries();
  messages_after_write_.clear();  // only its own word to itself
  pending_conf_index_ = std::min(pending_conf_index_, log_.LastIndex());
  uncommitted_bytes_ = 0;
  return true;
}

void Raft::Written(const WriteMark& mark) {
  if (!fault_.empty()) return;
  // In another term the entries may have been replaced by others with the same positions that are
  // not written. A snapshot holds committed entries: it is valid in any term.
  if (mark.last.index > Index() && mark.term == term_) log_.unstable().Written(mark.last);
  if (mark.snapshot > Index()) {
    log_.unstable().SnapshotWritten(mark.snapshot);
    AppliedTo(std::max(mark.snapshot, log_.applied()));
  }
}

void Raft::Applied(Index index) {
  if (!fault_.empty()) return;
  AppliedTo(std::max(index, log_.applied()));
}

void Raft::AppliedTo(Index index) {
  const std::uint64_t bytes = log_.AppliedTo(index);
  uncommitted_bytes_ -= std::min(uncommitted_bytes_, bytes);
  MaybeLeaveJoint();
}

void Raft::MaybeLeaveJoint() {
  if (role_ != Role::kLeader || !configuration().auto_leave) return;
  if (log_.applied() < pending_conf_index_) return;
  // Tried again with every entry applied, in case it is dropped because of a transfer.
  ProposeEntries({{.type = EntryType::kConfChangeV2}});
}

}  // namespace swarm::raft
