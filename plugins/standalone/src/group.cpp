#include "group.h"

#include <algorithm>
#include <utility>

#include "swarm/store_errors.h"

namespace swarm::standalone {
namespace {

using consensus::Batch;
using consensus::Proposal;
using consensus::Refusal;
using consensus::RequestIds;
using std::chrono::milliseconds;

// What one write takes at most, so that those at its end do not wait for long.
constexpr std::size_t kMaxWriteBytes = 4 << 20;
// Replayed in one call to the store.
constexpr std::size_t kReplayEntries = 512;
constexpr std::size_t kReplayBytes = 4 << 20;
// Zeros are written ahead in such pieces, with pauses, so that commits hardly notice.
constexpr std::uint64_t kZeroBytes = 1 << 20;
constexpr Duration kZeroPause = milliseconds(20);

}  // namespace

Group::Group(Runtime& runtime, Options options, Logger log, Function<void(Status)> fatal)
    : runtime_(runtime),
      options_(std::move(options)),
      log_(std::move(log)),
      proposals_(RequestIds(runtime.clock().Now())),
      fatal_(std::move(fatal)),
      key_(options_.storage.pending_key.empty() ? options_.storage.key
                                                : options_.storage.pending_key),
      readable_(options_.storage),
      loop_(runtime.NewLoop("consensus", LoopKind::kShared)),
      disk_(runtime.NewLoop("consensus-disk", LoopKind::kBlocking)),
      background_(runtime.NewLoop("consensus-files", LoopKind::kBlocking)) {
  shown_.leaderless_since = runtime.clock().SteadyNow();
}

void Group::Start(Function<void(Status)> done) {
  if (state_ == nullptr) {
    return done(Status(Code::kFailedPrecondition, "no store is attached to consensus standalone"));
  }
  On(disk_, [done = std::move(done)](Group& group) mutable { group.Open(std::move(done)); });
}

void Group::Open(Function<void(Status)> done) {
  RequestIds ids(runtime_.clock().Now());
  Result<OpenedGroup> opened = OpenGroup(runtime_, options_, ids, log_);
  if (!opened.ok()) return done(opened.status().WithContext("consensus standalone"));
  wal_ = std::move(opened->member.storage.log);
  term_ = opened->member.term;
  raft_id_ = RaftId(opened->member.self.raft_id());
  last_ = opened->member.last;
  ScheduleZeros();
  On(loop_, [opened = *std::move(opened), done = std::move(done)](Group& group) mutable {
    group.started_ = std::move(done);
    group.BeginReplay(std::move(opened));
  });
}

void Group::Stop() {
  stopping_ = true;
  proposals_.Resign();
  disk_->Stop();
  background_->Stop();
  loop_->Stop();
  zeros_timer_.reset();
  rotated_ = nullptr;
  if (wal_ != nullptr) wal_->Close();
  wal_.reset();
  // The loop runs nothing any more, so this cannot overlap with another call.
  StepDown();
}

void Group::BeginReplay(OpenedGroup opened) {
  consensus::OpenedMember& member = opened.member;
  wal::Storage& storage = member.storage;
  snapshots_ = std::move(storage.snapshots);
  membership_ = std::move(member.membership);
  terms_ = std::move(opened.terms);
  replay_ = std::move(storage.contents.entries);
  if (storage.snapshot) snapshot_index_ = storage.snapshot->mark.index;
  if (storage.needs_old_key) rotation_.Begin(member.last, snapshot_index_);
  {
    const std::lock_guard lock(mutex_);
    shown_.self = {RaftId(member.self.raft_id()),
                   member.self.node_id(),
                   member.self.addr(),
                   true,
                   false,
                   true};
    shown_.compacted = snapshot_index_;
    shown_.started = true;
  }
  log_.Info("Opened the log", {{"snapshot", std::to_string(snapshot_index_.value())},
                               {"entries", std::to_string(replay_.size())},
                               {"term", std::to_string(member.term.value())}});
  if (storage.snapshot) {
    commit_ = snapshot_index_.value();
    // It was read before, so it splits.
    const std::string_view store = consensus::SplitSnapshot(storage.snapshot->data)->store;
    state_->OnRestore({snapshot_index_, std::string(store)});
  }
  ReplayNext();
}

void Group::ReplayNext() {
  std::vector<CommittedEntry> entries;
  std::size_t bytes = 0;
  while (replayed_ < replay_.size() && entries.size() < kReplayEntries && bytes < kReplayBytes) {
    wal::Entry& entry = replay_[replayed_++];
    const bool changes = entry.type == wal::EntryType::kNormal;
    bytes += entry.data.size();
    entries.push_back({entry.index, {}, {}, changes ? std::move(entry.data) : std::string()});
  }
  if (entries.empty()) return BeginLeading();
  commit_ = entries.back().index.value();
  state_->OnCommitted(std::move(entries));
  On(loop_, [](Group& group) { group.ReplayNext(); });
}

void Group::BeginLeading() {
  replay_ = {};
  const LeaderEpoch epoch(terms_.rbegin()->second.value());
  proposals_.Lead(epoch);
  leads_ = true;
  state_->OnLeader(epoch, CommitIndex());
  std::exchange(started_, nullptr)(Status::Ok());
  SnapshotIfDue();
}

void Group::StepDown() {
  if (!std::exchange(leads_, false)) return;
  {
    const std::lock_guard lock(mutex_);
    shown_.leaderless_since = runtime_.clock().SteadyNow();
  }
  state_->OnFollower();
}

Result<ProposalEpoch> Group::OpenEpoch(LeaderEpoch leadership) {
  return proposals_.OpenEpoch(leadership);
}

void Group::Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) {
  if (!proposals_.Add(epoch, sequence, std::move(changes))) return;
  On(disk_, [](Group& group) { group.WriteNext(); });
}

// Posts itself, so that others have a turn on the loop.
void Group::WriteNext() {
  ScheduleZeros();
  Batch batch = proposals_.Take(kMaxWriteBytes);
  if (batch.empty()) return;
  Write(std::move(batch));
  On(disk_, [](Group& group) { group.WriteNext(); });
}

void Group::Write(Batch batch) {
  if (!batch.proposals.empty()) {
    std::vector<wal::EntryView> entries;
    entries.reserve(batch.proposals.size());
    Index index = last_;
    for (Proposal& proposal : batch.proposals) {
      proposal.index = index = index.Next();
      entries.push_back(
          {term_, index, wal::EntryType::kNormal, proposal.head_bytes(), proposal.changes});
    }
    // Alone in the group, so what this write makes durable is committed.
    Status status = wal_->Append({term_, raft_id_, index}, entries, true);
    if (status.code() == Code::kResourceExhausted) {
      log_.Warn("Cannot write the log; changes are refused", {{"error", status.message()}});
      return On(loop_, [refusals = proposals_.Refuse(batch, status)](Group& group) mutable {
        group.Refuse(std::move(refusals));
      });
    }
    if (!status.ok()) return Fail(status);
    last_ = index;
    On(loop_, [written = std::move(batch.proposals)](Group& group) mutable {
      group.Report(std::move(written));
    });
  }
  if (batch.refusal) {
    On(loop_, [refusal = *std::move(batch.refusal)](Group& group) mutable {
      group.Refuse({std::move(refusal)});
    });
  }
}

void Group::Fail(const Status& why) {
  if (std::exchange(failed_, true)) return;
  const Status fatal(why.code(),
                     "the log in " + options_.storage.directory +
                         " cannot be written and what it holds is in doubt: " + why.message() +
                         "\ncheck the disk, then start this manager again");
  log_.Error("The log cannot be written: this manager steps down", {{"error", why.ToString()}});
  proposals_.Resign();
  On(loop_, [](Group& group) { group.StepDown(); });
  fatal_(fatal);
}

void Group::ScheduleZeros() {
  if (zeros_timer_ != nullptr || !wal_->WantsPreparation()) return;
  zeros_timer_ = disk_->After(kZeroPause, [weak = weak_from_this()] {
    const std::shared_ptr<Group> self = weak.lock();
    if (self == nullptr) return;
    self->zeros_timer_.reset();
    self->wal_->Prepare(kZeroBytes);
    self->ScheduleZeros();
  });
}

void Group::Report(std::vector<Proposal> written) {
  const ProposalEpoch current = proposals_.current_epoch();
  std::vector<CommittedEntry> entries;
  entries.reserve(written.size());
  for (Proposal& proposal : written) {
    if (proposal.epoch == current) {
      entries.push_back({proposal.index, proposal.epoch, proposal.sequence, {}});
    } else {  // given up meanwhile, but it is in the log
      entries.push_back({proposal.index, {}, {}, std::move(proposal.changes)});
    }
  }
  commit_ = written.back().index.value();
  state_->OnCommitted(std::move(entries));
  SnapshotIfDue();
}

void Group::Refuse(std::vector<Refusal> refusals) {
  if (!leads_) return;  // OnFollower has said it
  for (Refusal& refusal : refusals) {
    state_->OnRefused(refusal.epoch, refusal.first, std::move(refusal.why));
  }
}

LeaderInfo Group::Leader() const {
  const bool leads = proposals_.leadership().value() != 0;
  const std::lock_guard lock(mutex_);
  if (leads) return {true, shown_.self.node_id, shown_.self.address, 0};
  const Duration without = runtime_.clock().SteadyNow() - shown_.leaderless_since;
  return {false, "", "", std::chrono::duration_cast<milliseconds>(without).count()};
}

std::vector<Member> Group::Members() const {
  const bool leads = proposals_.leadership().value() != 0;
  const std::lock_guard lock(mutex_);
  if (!shown_.started) return {};
  Member self = shown_.self;
  self.leader = leads;
  return {std::move(self)};
}

}  // namespace swarm::standalone
