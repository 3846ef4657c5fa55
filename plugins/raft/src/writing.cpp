// The log on disk: what the core wants written, in order, all that waits in one go.
#include <algorithm>
#include <utility>

#include "driver.h"

namespace swarm::raft {
namespace {

using std::chrono::milliseconds;

// Zeros are written ahead in such pieces, with pauses, so that commits hardly notice.
constexpr std::uint64_t kZeroBytes = 1 << 20;
constexpr Duration kZeroPause = milliseconds(20);
// A full disk is asked again.
constexpr Duration kFullPause = milliseconds(250);

wal::EntryView ViewOf(const Entry& entry) {
  return {entry.term,
          entry.index,
          static_cast<wal::EntryType>(entry.type),
          entry.data ? std::string_view(*entry.data) : std::string_view(),
          {}};
}

wal::HardState ToWal(const HardState& state) { return {state.term, state.vote, state.commit}; }

}  // namespace

void Driver::WriteNext() {
  while (!writing_ && retry_ == nullptr && !parts_.empty() && !failed_) {
    Part& front = parts_.front();
    if (front.snapshot != nullptr) {
      writing_ = true;
      Part part = std::move(front);
      parts_.pop_front();
      return Install(std::move(part));
    }
    if (!front.NeedsDisk()) {
      Part part = std::move(front);
      parts_.pop_front();
      FinishPart(part);
      continue;
    }
    std::vector<Part> parts;
    while (!parts_.empty() && parts_.front().snapshot == nullptr) {
      parts.push_back(std::move(parts_.front()));
      parts_.pop_front();
    }
    writing_ = true;
    return On(disk_, [parts = std::move(parts)](Driver& driver) mutable {
      driver.Write(std::move(parts));
    });
  }
}

void Driver::Write(std::vector<Part> parts) {
  ScheduleZeros();
  std::vector<wal::EntryView> views;
  bool sync = false;
  for (const Part& part : parts) {
    sync = sync || part.must_sync;
    for (const Entry& entry : part.entries) views.push_back(ViewOf(entry));
  }
  // The newest state stands for those before it.
  const Status status = wal_->Append(ToWal(parts.back().hard_state), views, sync);
  if (!status.ok() && status.code() != Code::kResourceExhausted) {
    return Fail(Status(status.code(), "the log cannot be written and what it holds is in doubt: " +
                                          status.message() +
                                          "\ncheck the disk, then start this manager again"));
  }
  On(loop_, [parts = std::move(parts), status](Driver& driver) mutable {
    driver.writing_ = false;
    if (!status.ok()) return driver.OnFull(std::move(parts), status);
    driver.OnWritten(std::move(parts));
  });
}

void Driver::OnWritten(std::vector<Part> parts) {
  for (Part& part : parts) FinishPart(part);
  Turn();
}

// In this order: storage has it, others may know it, the core knows it.
void Driver::FinishPart(Part& part) {
  storage_.Append(part.entries);
  std::vector<Message> own;
  std::vector<Message> others;
  for (Message& message : part.after) {
    (message.to == core_->id() ? own : others).push_back(std::move(message));
  }
  Say(std::move(others));
  for (Message& message : own) core_->Step(std::move(message));
  core_->Written(part.mark);
}

// Nothing of it was kept, and the log is as it was.
void Driver::OnFull(std::vector<Part> parts, const Status& why) {
  log_.Warn("Cannot write the log; changes are refused", {{"error", why.message()}});
  if (core_->DropUnwritten()) {
    DropUnwritten(why);
    return Turn();
  }
  // Others may have it already, so it stays to be written. Another member should lead meanwhile.
  parts_.insert(parts_.begin(), std::make_move_iterator(parts.begin()),
                std::make_move_iterator(parts.end()));
  RetryLater();
  if (!leads_) return;
  RefuseQueued(why);
  if (const std::optional<RaftId> heir = Heir()) core_->TransferLeadership(*heir);
  Turn();
}

void Driver::RetryLater() {
  retry_ = loop_->After(kFullPause, [weak = weak_from_this()] {
    const std::shared_ptr<Driver> self = weak.lock();
    if (self == nullptr) return;
    self->retry_.reset();
    self->Turn();
  });
}

void Driver::DropUnwritten(const Status& why) {
  parts_.clear();
  hard_state_.commit = core_->log().committed();
  consensus::Batch lost;
  while (!own_.empty() && own_.back().index > storage_.LastIndex()) {
    consensus::Proposal proposal;
    proposal.epoch = own_.back().epoch;
    proposal.sequence = own_.back().sequence;
    lost.proposals.insert(lost.proposals.begin(), std::move(proposal));
    own_.pop_back();
  }
  Refuse(proposals_.Refuse(lost, why));
  if (!changes_.empty()) FinishChange(changes_.front().id, why);
}

void Driver::ScheduleZeros() {
  if (zeros_timer_ != nullptr || !wal_->WantsPreparation()) return;
  zeros_timer_ = disk_->After(kZeroPause, [weak = weak_from_this()] {
    const std::shared_ptr<Driver> self = weak.lock();
    if (self == nullptr) return;
    self->zeros_timer_.reset();
    self->wal_->Prepare(kZeroBytes);
    self->ScheduleZeros();
  });
}

// A snapshot of the leader's instead of the whole log: mark, file, state; only then it counts.
void Driver::Install(Part part) {
  On(disk_, [part = std::move(part)](Driver& driver) mutable {
    const Snapshot& snapshot = *part.snapshot;
    const wal::SnapshotMark mark{snapshot.position.index, snapshot.position.term};
    Status status = driver.wal_->MarkSnapshot(mark, snapshot.conf_state.voters);
    if (!status.ok()) return driver.OnInstallFailed(std::move(part), status);
    driver.On(driver.background_, [part = std::move(part), mark](Driver& d) mutable {
      const Snapshot& s = *part.snapshot;
      Status saved = d.snapshots_->Save({mark, s.conf_state.voters, *s.data, {}},
                                        [&d] { return d.stopping_.load(); });
      if (!saved.ok()) return d.OnInstallFailed(std::move(part), saved);
      d.On(d.disk_, [part = std::move(part)](Driver& e) mutable {
        std::vector<wal::EntryView> views;
        for (const Entry& entry : part.entries) views.push_back(ViewOf(entry));
        const Status written = e.wal_->Append(ToWal(part.hard_state), views, true);
        if (!written.ok()) return e.OnInstallFailed(std::move(part), written);
        e.wal_->ReleaseTo(part.snapshot->position.index);
        e.On(e.loop_,
             [part = std::move(part)](Driver& f) mutable { f.OnInstalled(std::move(part)); });
      });
    });
  });
}

void Driver::OnInstallFailed(Part part, const Status& why) {
  if (why.code() == Code::kCancelled) return;
  if (why.code() != Code::kResourceExhausted) {
    return Fail(why.WithContext("a snapshot of the leader's cannot be stored"));
  }
  log_.Warn("Cannot store a snapshot of the leader's; trying again", {{"error", why.message()}});
  On(loop_, [part = std::move(part)](Driver& driver) mutable {
    driver.writing_ = false;
    driver.parts_.push_front(std::move(part));
    driver.RetryLater();
  });
}

void Driver::OnInstalled(Part part) {
  const Snapshot& snapshot = *part.snapshot;
  const Index index = snapshot.position.index;
  // Peers' snapshots were taken apart before they came here.
  const consensus::SnapshotParts parts = *consensus::SplitSnapshot(*snapshot.data);
  membership_ = {};
  for (const RaftId voter : snapshot.conf_state.voters) membership_.voters.insert(voter.value());
  membership_.members = parts.members;
  membership_.removed = parts.removed;
  eras_ = {{index, membership_}};
  SetProfile(ProfileInStore(parts.store), index);
  snapshot_index_ = applied_ = index;
  commit_ = index.value();
  storage_.Reset(
      std::make_shared<const Snapshot>(Snapshot{snapshot.position, snapshot.conf_state, nullptr}));
  state_->OnRestore({index, std::string(parts.store)});
  log_.Info("Took over a snapshot of the leader's", {{"index", std::to_string(index.value())}});
  UseMembers();
  writing_ = false;
  FinishPart(part);
  Turn();
}

}  // namespace swarm::raft
