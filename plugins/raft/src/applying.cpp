// Committed entries: the store's changes, and changes of the group.
#include <algorithm>
#include <utility>

#include "consensus/log_range.h"
#include "driver.h"
#include "swarm/store_errors.h"

namespace swarm::raft {
namespace {

// Handed to the store in one call.
constexpr std::size_t kMaxEntries = 512;
// One that is replaced by an empty entry, or lost, is never heard of again.
constexpr Duration kChangeTimeout = std::chrono::seconds(25);

wal::Entry ToWal(const Entry& entry) {
  return {entry.term, entry.index, static_cast<wal::EntryType>(entry.type),
          entry.data ? *entry.data : std::string()};
}

}  // namespace

CommittedEntry Driver::ToCommitted(const Entry& entry) {
  CommittedEntry committed{entry.index, {}, {}, {}};
  if (!own_.empty() && own_.front().index == entry.index) {
    const Own own = own_.front();
    own_.pop_front();
    if (own.epoch == proposals_.current_epoch()) {
      committed.epoch = own.epoch;
      committed.sequence = own.sequence;
      return committed;
    }
  }
  if (entry.type == EntryType::kNormal && entry.data) committed.data = *entry.data;
  return committed;
}

void Driver::Apply(const std::vector<Entry>& entries) {
  for (std::size_t at = 0; at < entries.size();) {
    const std::size_t end = std::min(entries.size(), at + kMaxEntries);
    std::vector<CommittedEntry> committed;
    committed.reserve(end - at);
    for (; at < end; ++at) {
      const Entry& entry = entries[at];
      if (IsConfChange(entry)) ApplyChange(entry);
      if (entry.type == EntryType::kNormal && entry.data) {
        if (const auto told = ProfileInRequest(*entry.data)) SetProfile(*told, entry.index);
      }
      committed.push_back(ToCommitted(entries[at]));
    }
    applied_ = committed.back().index;
    commit_ = applied_.value();
    state_->OnCommitted(std::move(committed));
  }
  if (entries.empty()) return;
  core_->Applied(applied_);
  SnapshotIfDue();
}

void Driver::ApplyChange(const Entry& entry) {
  const std::optional<ConfChange> change = entry.type == EntryType::kConfChange && entry.data
                                               ? DecodeConfChange(*entry.data)
                                               : std::nullopt;
  core_->ApplyConfChange(entry);
  // What cannot be read changes nothing, here as everywhere.
  if (!membership_.Apply(ToWal(entry)).ok() || !change) return;
  eras_[entry.index] = membership_;
  UseMembers();
  ScheduleTick();
  FinishChange(change->id, Status::Ok());
  const bool gone = change->type == ConfChangeType::kRemove && change->member == core_->id();
  if (gone) ReportRemoved();
}

void Driver::UseMembers() {
  table_.SetMembership(membership_);
  std::map<std::uint64_t, RaftMember> peers;
  for (const RaftMember& hint : hints_) peers[hint.raft_id()] = hint;
  // Until its own addition has come, what it was told on joining is newer than what a snapshot
  // says.
  const bool caught_up = membership_.members.contains(self_.raft_id());
  for (const auto& [id, member] : membership_.members) {
    if (caught_up || !peers.contains(id)) peers[id] = member;
  }
  std::vector<RaftMember> others;
  for (const auto& [id, member] : peers) {
    if (id == self_.raft_id() || membership_.removed.contains(id)) continue;
    others.push_back(member);
  }
  transport_->SetMembers(others);
}

void Driver::Change(ConfChangeType type, RaftMember member, Function<void(Status)> done) {
  On(loop_, [type, member = std::move(member), done = std::move(done)](Driver& driver) mutable {
    PendingChange pending;
    pending.id = driver.ids_.Next();
    pending.change.id = pending.id;
    pending.change.type = type;
    pending.change.member = RaftId(member.raft_id());
    if (type != ConfChangeType::kRemove) pending.change.context = member.SerializeAsString();
    pending.done = std::move(done);
    driver.changes_.push_back(std::move(pending));
    if (driver.changes_.size() == 1) driver.ProposeChange();
  });
}

void Driver::ProposeChange() {
  PendingChange& pending = changes_.front();
  const std::uint64_t id = pending.id;
  if (!leads_) return FinishChange(id, store_errors::Make(store_errors::kLostLeader));
  const Proposed proposed = core_->ProposeConfChange(pending.change);
  if (proposed.result != StepResult::kOk) {
    return FinishChange(id, Status(Code::kUnknown, "raft proposal dropped"));
  }
  pending.deadline = loop_->After(kChangeTimeout, [weak = weak_from_this(), id] {
    if (const std::shared_ptr<Driver> self = weak.lock()) {
      self->FinishChange(id, Status(Code::kDeadlineExceeded,
                                    "the change of the manager group was not agreed on in time; "
                                    "try again once a majority of managers is reachable"));
    }
  });
  if (proposed.conf_change_refused) {
    FinishChange(id, Status(Code::kUnavailable,
                            "another change of the manager group is under way; try again"));
  }
  Turn();
}

void Driver::FinishChange(std::uint64_t id, const Status& outcome) {
  if (changes_.empty() || changes_.front().id != id) return;
  PendingChange finished = std::move(changes_.front());
  changes_.pop_front();
  finished.deadline.reset();
  if (finished.done) finished.done(outcome);
  if (changes_.empty()) return;
  On(loop_, [](Driver& driver) {
    if (!driver.changes_.empty() && !driver.changes_.front().deadline) driver.ProposeChange();
  });
}

void Driver::ReadLog(Index from, Index to,
                     Function<void(Result<std::vector<CommittedEntry>>)> done) {
  On(loop_, [from, to, done = std::move(done)](Driver& driver) mutable {
    if (driver.core_ == nullptr) {
      return done(Status(Code::kUnavailable, "raft: node is not yet part of a raft cluster"));
    }
    Status good =
        consensus::CheckRange(from, to, driver.CommitIndex(), driver.storage_.FirstIndex() - 1);
    if (!good.ok()) return done(std::move(good));
    std::vector<CommittedEntry> found;
    std::vector<Entry> entries;
    if (from < to) driver.storage_.Read(from + 1, to + 1, kUnlimited, entries);
    for (const Entry& entry : entries) {
      if (entry.type != EntryType::kNormal || !entry.data || !consensus::HasActions(*entry.data))
        continue;
      found.push_back({entry.index, {}, {}, *entry.data});
    }
    done(std::move(found));
  });
}

}  // namespace swarm::raft
