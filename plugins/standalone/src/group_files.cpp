// Snapshots, and entries of the past.
#include <algorithm>
#include <iterator>
#include <utility>

#include "consensus/log_range.h"
#include "group.h"

namespace swarm::standalone {

Term Group::TermOf(Index index) const {
  const auto after = terms_.upper_bound(index);
  return after == terms_.begin() ? Term() : std::prev(after)->second;
}

void Group::SnapshotIfDue() {
  const Index commit = CommitIndex();
  if (!leads_ || snapshotting_ || commit < next_snapshot_try_) return;
  const bool due = options_.snapshot_interval > 0 &&
                   commit.value() - snapshot_index_.value() >= options_.snapshot_interval;
  if (!due && !rotation_.NeedsSnapshot(commit)) return;
  snapshotting_ = true;
  state_->Capture([weak = weak_from_this()](Result<StoreImage> image) {
    const std::shared_ptr<Group> self = weak.lock();
    if (self == nullptr) return;
    self->On(self->loop_, [image = std::move(image)](Group& group) mutable {
      group.OnCaptured(std::move(image));
    });
  });
}

void Group::OnCaptured(Result<StoreImage> image) {
  if (!image.ok()) return OnSnapshotFailed(image.status());
  if (image->index <= snapshot_index_) {
    return OnSnapshotFailed(Status(Code::kInternal, "the store's copy is older than the last one"));
  }
  docker::swarmkit::v1::ClusterSnapshot members;
  {
    const std::lock_guard lock(mutex_);
    auto* self = members.add_members();
    self->set_raft_id(shown_.self.raft_id.value());
    self->set_node_id(shown_.self.node_id);
    self->set_addr(shown_.self.address);
    self->mutable_status();
  }
  for (const std::uint64_t id : membership_.removed) members.add_removed(id);
  const wal::SnapshotMark mark{image->index, TermOf(image->index)};
  const std::size_t keep = rotation_.NeedsSnapshot(mark.index) ? 0 : options_.keep_old_snapshots;
  On(disk_,
     [mark, keep, members = std::move(members), image = *std::move(image)](Group& group) mutable {
       const RaftId voter = group.raft_id_;
       Status status = group.wal_->MarkSnapshot(mark, {&voter, 1});
       if (!status.ok() && status.code() != Code::kResourceExhausted) group.Fail(status);
       if (!status.ok()) {
         return group.On(group.loop_, [status](Group& g) { g.OnSnapshotFailed(status); });
       }
       group.On(group.background_, [mark, keep, voter, members = std::move(members),
                                    image = std::move(image)](Group& g) {
         const std::string head = consensus::SnapshotHead(members, image.data.size());
         g.SaveSnapshot({mark, {&voter, 1}, head, image.data}, keep);
       });
     });
}

void Group::SaveSnapshot(const wal::SnapshotView& snapshot, std::size_t keep) {
  const Status status = snapshots_->Save(snapshot, [this] { return stopping_.load(); });
  if (!status.ok()) {
    return On(loop_, [status](Group& group) { group.OnSnapshotFailed(status); });
  }
  On(disk_, [mark = snapshot.mark, keep](Group& group) {
    group.wal_->ReleaseTo(mark.index);
    group.On(group.background_, [mark, keep](Group& g) { g.DropOld(mark, keep); });
  });
}

void Group::DropOld(const wal::SnapshotMark& mark, std::size_t keep) {
  const std::uint64_t readable = options_.log_entries_for_slow_followers;
  const Index compacted(mark.index.value() - std::min(mark.index.value(), readable));
  {
    const std::lock_guard lock(mutex_);
    shown_.compacted = std::max(shown_.compacted, compacted);
  }
  const Status status =
      wal::CollectGarbage(runtime_.files(), options_.storage, *snapshots_, mark, keep, compacted);
  if (!status.ok()) {
    log_.Warn("Cannot remove old log files", {{"error", status.message()}});
  }
  On(loop_, [mark](Group& group) { group.OnSnapshotDone(mark); });
}

void Group::OnSnapshotDone(const wal::SnapshotMark& mark) {
  snapshotting_ = false;
  snapshot_index_ = mark.index;
  log_.Debug("Saved a snapshot", {{"index", std::to_string(mark.index.value())}});
  if (rotation_.OnSnapshot(mark.index)) {
    log_.Info("The log is encrypted with the new key alone", {});
  }
  // Older terms are asked for no more.
  if (const auto after = terms_.upper_bound(mark.index); after != terms_.begin()) {
    terms_.erase(terms_.begin(), std::prev(after));
  }
  SnapshotIfDue();
}

void Group::OnSnapshotFailed(const Status& why) {
  snapshotting_ = false;
  // Not with every entry: each try copies the whole store.
  next_snapshot_try_ = Index(CommitIndex().value() + 1 + options_.snapshot_interval / 10);
  if (why.code() != Code::kCancelled) {
    log_.Warn("Cannot save a snapshot; the log grows until one succeeds",
              {{"error", why.message()}});
  }
}

void Group::ReadLog(Index from, Index to,
                    Function<void(Result<std::vector<CommittedEntry>>)> done) {
  On(background_, [from, to, done = std::move(done)](Group& group) mutable {
    done(group.ReadFromDisk(from, to));
  });
}

Result<std::vector<CommittedEntry>> Group::ReadFromDisk(Index from, Index to) {
  Index compacted;
  {
    const std::lock_guard lock(mutex_);
    if (!shown_.started) {
      return Status(Code::kUnavailable, "raft: node is not yet part of a raft cluster");
    }
    compacted = shown_.compacted;
  }
  SWARM_RETURN_IF_ERROR(consensus::CheckRange(from, to, CommitIndex(), compacted));
  std::vector<CommittedEntry> found;
  if (from == to) return found;
  wal::Unsealer unsealer = wal::MakeUnsealer(options_.storage);
  SWARM_ASSIGN_OR_RETURN(
      std::vector<wal::Entry> entries,
      wal::ReadEntries(runtime_.files(), options_.storage.log_directory(), unsealer, from, to));
  for (wal::Entry& entry : entries) {
    if (entry.type != wal::EntryType::kNormal || !consensus::HasActions(entry.data)) continue;
    found.push_back({entry.index, {}, {}, std::move(entry.data)});
  }
  return found;
}

}  // namespace swarm::standalone
