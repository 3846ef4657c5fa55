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
  // Nothing of the past can be read once its key is gone.
  const Kept kept =
      rotation_.NeedsSnapshot(mark.index)
          ? Kept{}
          : Kept{options_.keep_old_snapshots, options_.log_entries_for_slow_followers};
  On(disk_,
     [mark, kept, members = std::move(members), image = *std::move(image)](Group& group) mutable {
       const RaftId voter = group.raft_id_;
       Status status = group.wal_->MarkSnapshot(mark, {&voter, 1});
       if (!status.ok() && status.code() != Code::kResourceExhausted) group.Fail(status);
       if (!status.ok()) {
         return group.On(group.loop_, [status](Group& g) { g.OnSnapshotFailed(status); });
       }
       group.On(group.background_, [mark, kept, voter, members = std::move(members),
                                    image = std::move(image)](Group& g) {
         const std::string head = consensus::SnapshotHead(members, image.data.size());
         g.SaveSnapshot({mark, {&voter, 1}, head, image.data}, kept);
       });
     });
}

void Group::SaveSnapshot(const wal::SnapshotView& snapshot, const Kept& kept) {
  const int key = snapshot_key_;
  const Status status = snapshots_->Save(snapshot, [this] { return stopping_.load(); });
  if (!status.ok()) {
    return On(loop_, [status](Group& group) { group.OnSnapshotFailed(status); });
  }
  On(disk_, [mark = snapshot.mark, kept, key](Group& group) {
    group.wal_->ReleaseTo(mark.index);
    group.On(group.background_, [mark, kept, key](Group& g) { g.DropOld(mark, kept, key); });
  });
}

void Group::DropOld(const wal::SnapshotMark& mark, const Kept& kept, int key) {
  const Index compacted(mark.index.value() - std::min(mark.index.value(), kept.entries));
  {
    const std::lock_guard lock(mutex_);
    shown_.compacted = std::max(shown_.compacted, compacted);
  }
  const Status status = wal::CollectGarbage(runtime_.files(), options_.storage, *snapshots_, mark,
                                            kept.snapshots, compacted);
  if (!status.ok()) {
    log_.Warn("Cannot remove old log files", {{"error", status.message()}});
  }
  On(loop_, [mark, key](Group& group) { group.OnSnapshotDone(mark, key); });
}

void Group::OnSnapshotDone(const wal::SnapshotMark& mark, int key) {
  snapshotting_ = false;
  snapshot_index_ = mark.index;
  log_.Debug("Saved a snapshot", {{"index", std::to_string(mark.index.value())}});
  if (rotation_.OnSnapshot(mark.index, key)) OnRotated();
  // Older terms are asked for no more.
  if (const auto after = terms_.upper_bound(mark.index); after != terms_.begin()) {
    terms_.erase(terms_.begin(), std::prev(after));
  }
  SnapshotIfDue();
}

// In the order in which entries and snapshots are written: those behind it have the new key.
void Group::UseLogKey(std::string key, Function<void(Status)> done) {
  On(disk_, [key = std::move(key), done = std::move(done)](Group& group) mutable {
    if (group.wal_ == nullptr) return done(Status(Code::kUnavailable, "there is no log yet"));
    if (key != group.key_) ++group.keys_;
    group.key_ = key;
    group.wal_->UseKey(key);
    group.On(group.background_, [key = std::move(key), number = group.keys_, last = group.last_,
                                 done = std::move(done)](Group& g) mutable {
      g.snapshots_->UseKey(key);
      if (number != g.snapshot_key_) {
        if (!g.readable_.pending_key.empty()) g.readable_.key = g.readable_.pending_key;
        g.readable_.pending_key = key;
      }
      g.snapshot_key_ = number;
      g.On(g.loop_, [number, last, done = std::move(done)](Group& h) mutable {
        h.RotateFrom(last, number, std::move(done));
      });
    });
  });
}

void Group::RotateFrom(Index last, int key, Function<void(Status)> done) {
  if (key != rotation_.key()) {
    rotation_.Begin(last, snapshot_index_, key);
    next_snapshot_try_ = {};
  }
  if (!rotation_.active()) return done(Status::Ok());
  rotated_ = std::move(done);
  SnapshotIfDue();
}

void Group::OnRotated() {
  log_.Info("The log is encrypted with the new key alone");
  if (rotated_) std::exchange(rotated_, nullptr)(Status::Ok());
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
  wal::Unsealer unsealer = wal::MakeUnsealer(readable_);
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
