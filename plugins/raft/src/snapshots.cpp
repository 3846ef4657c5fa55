// Snapshots: of this member's own store, and for members that lag behind.
#include <algorithm>
#include <iterator>
#include <utility>

#include "driver.h"

namespace swarm::raft {

const consensus::Membership& Driver::MembershipAt(Index index) const {
  const auto after = eras_.upper_bound(index);
  return after == eras_.begin() ? after->second : std::prev(after)->second;
}

void Driver::SnapshotIfDue() {
  if (snapshotting_ || stopping_ || applied_ < next_snapshot_try_) return;
  const std::uint64_t interval = options_.log.snapshot_interval;
  const bool due = interval > 0 && applied_ - snapshot_index_ >= interval;
  if (!due && !rotation_.NeedsSnapshot(applied_)) return;
  snapshotting_ = true;
  state_->Capture([weak = weak_from_this()](Result<StoreImage> image) {
    const std::shared_ptr<Driver> self = weak.lock();
    if (self == nullptr) return;
    self->On(self->loop_, [image = std::move(image)](Driver& driver) mutable {
      driver.OnCaptured(std::move(image));
    });
  });
}

void Driver::OnCaptured(Result<StoreImage> image) {
  if (!image.ok()) return OnSnapshotFailed(image.status());
  const std::optional<Term> term =
      image->index > snapshot_index_ ? storage_.TermAt(image->index) : std::nullopt;
  if (!term) {
    return OnSnapshotFailed(Status(Code::kInternal, "the store's copy is older than the last one"));
  }
  const consensus::Membership& membership = MembershipAt(image->index);
  docker::swarmkit::v1::ClusterSnapshot members;
  for (const auto& [id, member] : membership.members) {
    auto* added = members.add_members();
    *added = member;
    added->mutable_status()->Clear();
  }
  for (const std::uint64_t id : membership.removed) members.add_removed(id);
  std::vector<RaftId> voters;
  for (const std::uint64_t voter : membership.voters) voters.push_back(RaftId(voter));
  const wal::SnapshotMark mark{image->index, *term};
  const std::size_t keep =
      rotation_.NeedsSnapshot(mark.index) ? 0 : options_.log.keep_old_snapshots;
  On(disk_, [mark, keep, voters = std::move(voters), members = std::move(members),
             image = *std::move(image)](Driver& driver) mutable {
    const Status status = driver.wal_->MarkSnapshot(mark, voters);
    if (!status.ok() && status.code() != Code::kResourceExhausted) driver.Fail(status);
    if (!status.ok()) {
      return driver.On(driver.loop_, [status](Driver& d) { d.OnSnapshotFailed(status); });
    }
    driver.On(driver.background_,
              [mark, keep, voters = std::move(voters), members = std::move(members),
               image = std::move(image)](Driver& d) {
                const std::string head = consensus::SnapshotHead(members, image.data.size());
                d.SaveSnapshot({mark, voters, head, image.data}, keep);
              });
  });
}

void Driver::SaveSnapshot(const wal::SnapshotView& snapshot, std::size_t keep) {
  const int key = snapshot_key_;
  const Status status = snapshots_->Save(snapshot, [this] { return stopping_.load(); });
  if (!status.ok()) {
    return On(loop_, [status](Driver& driver) { driver.OnSnapshotFailed(status); });
  }
  On(disk_, [mark = snapshot.mark, keep, key,
             voters = std::vector<RaftId>(snapshot.voters.begin(), snapshot.voters.end())](
                Driver& driver) mutable {
    driver.wal_->ReleaseTo(mark.index);
    driver.On(driver.background_, [mark, keep, key, voters = std::move(voters)](Driver& d) mutable {
      const Status cleaned = wal::CollectGarbage(d.runtime_.files(), d.options_.log.storage,
                                                 *d.snapshots_, mark, keep, mark.index);
      if (!cleaned.ok()) {
        d.log_.Warn("Cannot remove old log files", {{"error", cleaned.message()}});
      }
      d.On(d.loop_, [mark, key, voters = std::move(voters)](Driver& e) mutable {
        e.OnSnapshotDone(mark, std::move(voters), key);
      });
    });
  });
}

void Driver::OnSnapshotDone(const wal::SnapshotMark& mark, std::vector<RaftId> voters, int key) {
  snapshotting_ = false;
  // One of the leader's may have come in between.
  if (mark.index > snapshot_index_) {
    snapshot_index_ = mark.index;
    storage_.SetSnapshot(std::make_shared<const Snapshot>(
        Snapshot{{mark.index, mark.term}, {.voters = std::move(voters)}, nullptr}));
    const std::uint64_t kept = options_.log.log_entries_for_slow_followers;
    if (mark.index.value() > kept) storage_.Compact(mark.index - kept);
    if (const auto after = eras_.upper_bound(mark.index); after != eras_.begin()) {
      eras_.erase(eras_.begin(), std::prev(after));
    }
  }
  log_.Debug("Saved a snapshot", {{"index", std::to_string(mark.index.value())}});
  if (rotation_.OnSnapshot(mark.index, key)) OnRotated();
  SnapshotIfDue();
}

// In the order in which entries and snapshots are written: those behind it have the new key.
void Driver::UseLogKey(std::string key, Function<void(Status)> done) {
  On(disk_, [key = std::move(key), done = std::move(done)](Driver& driver) mutable {
    if (driver.wal_ == nullptr) return done(Status(Code::kUnavailable, "there is no log yet"));
    if (key != driver.key_) ++driver.keys_;
    driver.key_ = key;
    driver.wal_->UseKey(key);
    driver.On(driver.background_,
              [key = std::move(key), number = driver.keys_, last = driver.wal_->last_index(),
               done = std::move(done)](Driver& d) mutable {
                d.snapshots_->UseKey(key);
                if (number != d.snapshot_key_) {
                  if (!d.readable_.pending_key.empty()) d.readable_.key = d.readable_.pending_key;
                  d.readable_.pending_key = key;
                }
                d.snapshot_key_ = number;
                d.On(d.loop_, [number, last, done = std::move(done)](Driver& e) mutable {
                  e.RotateFrom(last, number, std::move(done));
                });
              });
  });
}

void Driver::RotateFrom(Index last, int key, Function<void(Status)> done) {
  if (key != rotation_.key()) {
    rotation_.Begin(last, snapshot_index_, key);
    next_snapshot_try_ = {};
  }
  if (!rotation_.active()) return done(Status::Ok());
  rotated_ = std::move(done);
  SnapshotIfDue();
}

void Driver::OnRotated() {
  log_.Info("The log is encrypted with the new key alone");
  if (rotated_) std::exchange(rotated_, nullptr)(Status::Ok());
}

void Driver::OnSnapshotFailed(const Status& why) {
  snapshotting_ = false;
  // Not with every entry: each try copies the whole store.
  next_snapshot_try_ = applied_ + (1 + options_.log.snapshot_interval / 10);
  if (why.code() != Code::kCancelled) {
    log_.Warn("Cannot save a snapshot; the log grows until one succeeds",
              {{"error", why.message()}});
  }
}

// Its content lies on disk only: memory holds one store, not two.
void Driver::SendSnapshot(Message message) {
  On(background_, [message = std::move(message)](Driver& driver) mutable {
    wal::Unsealer unsealer = wal::MakeUnsealer(driver.readable_);
    std::vector<std::string> broken;
    auto loaded = driver.snapshots_->Load(unsealer, broken);
    const bool good =
        loaded.ok() && *loaded && (*loaded)->mark.index >= message.snapshot->position.index;
    if (!good) {
      driver.log_.Warn("Cannot read the snapshot that a member needs",
                       {{"error", loaded.ok() ? "it is gone" : loaded.status().message()}});
      return driver.ReportSnapshot(message.to, false);
    }
    Snapshot full = *message.snapshot;
    full.position = {(*loaded)->mark.index, (*loaded)->mark.term};
    full.data = MakePayload(std::move((*loaded)->data));
    message.snapshot = std::make_shared<const Snapshot>(std::move(full));
    driver.log_.Info("Sends a member a snapshot",
                     {{"member", driver.table_.NodeOf(message.to)},
                      {"index", std::to_string((*loaded)->mark.index.value())}});
    driver.On(driver.loop_, [message = std::move(message)](Driver& d) mutable {
      d.transport_->Send(std::move(message));
    });
  });
}

}  // namespace swarm::raft
