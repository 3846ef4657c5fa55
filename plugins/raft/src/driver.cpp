// Starting, time, the core's work, stopping.
#include "driver.h"

#include <algorithm>
#include <utility>

#include "swarm/store_errors.h"

namespace swarm::raft {
namespace {

using std::chrono::milliseconds;

constexpr Duration kProbePause = std::chrono::seconds(1);
// As SwarmKit has it: the longest a change may take, and how often that is acted on.
constexpr std::int64_t kStuckMs = 30'000;
constexpr Duration kStuckPause = std::chrono::minutes(1);

Entry ToCore(const wal::Entry& entry) {
  return {entry.term, entry.index, static_cast<EntryType>(entry.type),
          entry.data.empty() ? nullptr : MakePayload(entry.data)};
}

// How far the log is certainly committed. The commit index is not synced by itself, and a write cut
// short may have kept entries without it; but the first entry of a group is its beginning, and a
// change of the group is only proposed once the one before it is applied. Without this a member
// could stand for election among members that are long gone.
Index CertainCommit(const consensus::OpenedMember& opened) {
  Index commit = std::max(opened.storage.contents.hard_state.commit, opened.base());
  Index change;
  for (const wal::Entry& entry : opened.storage.contents.entries) {
    if (entry.type == wal::EntryType::kNormal) continue;
    commit = std::max(commit, change);
    if (entry.index == Index(1)) commit = std::max(commit, Index(1));
    change = entry.index;
  }
  return commit;
}

ConfState VotersOf(const consensus::Membership& membership) {
  ConfState state;
  for (const std::uint64_t voter : membership.voters) state.voters.push_back(RaftId(voter));
  return state;
}

}  // namespace

Driver::Driver(Runtime& runtime, MemberOptions options, Logger log, Function<void(Status)> fatal)
    : runtime_(runtime),
      options_(std::move(options)),
      ticks_(options_),
      log_(std::move(log)),
      proposals_(consensus::RequestIds(runtime.clock().Now())),
      table_(runtime.clock()),
      fatal_(std::move(fatal)),
      key_(options_.log.storage.pending_key.empty() ? options_.log.storage.key
                                                    : options_.log.storage.pending_key),
      readable_(options_.log.storage),
      random_(runtime.NewRandom()),
      ids_(runtime.clock().Now()),
      loop_(runtime.NewLoop("raft", LoopKind::kShared)),
      disk_(runtime.NewLoop("raft-disk", LoopKind::kBlocking)),
      background_(runtime.NewLoop("raft-files", LoopKind::kBlocking)) {}

void Driver::Start(std::shared_ptr<Transport> transport, std::vector<RaftMember> peers,
                   Function<void(Status)> done) {
  transport_ = std::move(transport);
  On(disk_, [peers = std::move(peers), done = std::move(done)](Driver& driver) mutable {
    driver.Open(std::move(peers), std::move(done));
  });
}

void Driver::Open(std::vector<RaftMember> peers, Function<void(Status)> done) {
  const auto opened = std::make_shared<consensus::OpenedMember>();
  Status status = [&]() -> Status {
    SWARM_ASSIGN_OR_RETURN(*opened, consensus::OpenMember(runtime_, options_.log, log_));
    if (!options_.log.force_new_cluster || opened->alone()) return Status::Ok();
    consensus::RequestIds ids(runtime_.clock().Now());
    return consensus::ForceNewGroup(*opened, ids);
  }();
  if (!status.ok()) return done(status.WithContext("consensus raft"));
  wal_ = std::move(opened->storage.log);
  ScheduleZeros();
  On(loop_, [opened, peers = std::move(peers), done = std::move(done)](Driver& driver) mutable {
    driver.started_ = std::move(done);
    driver.Begin(std::move(*opened), std::move(peers));
  });
}

void Driver::Begin(consensus::OpenedMember opened, std::vector<RaftMember> peers) {
  if (ending_) return;
  wal::Storage& storage = opened.storage;
  self_ = opened.self;
  table_.SetSelf(self_);
  snapshots_ = std::move(storage.snapshots);
  hints_ = std::move(peers);
  for (const auto& [id, member] : opened.membership.members) hints_.push_back(member);
  if (storage.needs_old_key) rotation_.Begin(opened.last, opened.base());
  log_.Info("Opened the log", {{"snapshot", std::to_string(opened.base().value())},
                               {"entries", std::to_string(storage.contents.entries.size())},
                               {"term", std::to_string(opened.term.value())}});
  if (storage.snapshot) {
    // It was read before, so it splits.
    const consensus::SnapshotParts parts = *consensus::SplitSnapshot(storage.snapshot->data);
    for (const RaftId voter : storage.snapshot->voters) membership_.voters.insert(voter.value());
    membership_.members = parts.members;
    membership_.removed = parts.removed;
    snapshot_index_ = applied_ = storage.snapshot->mark.index;
    commit_ = applied_.value();
    SetProfile(ProfileInStore(parts.store), applied_);
    state_->OnRestore({applied_, std::string(parts.store)});
  }
  eras_[applied_] = membership_;
  MakeCore(opened);
  UseMembers();
  Turn();
  std::exchange(started_, nullptr)(Status::Ok());
  if (membership_.voters == std::set<std::uint64_t>{self_.raft_id()}) core_->Campaign();
  Turn();
  ScheduleTick();
}

void Driver::MakeCore(const consensus::OpenedMember& opened) {
  const ConfState voters = VotersOf(membership_);
  if (opened.storage.snapshot) {
    const wal::SnapshotMark& mark = opened.storage.snapshot->mark;
    storage_.Reset(
        std::make_shared<const Snapshot>(Snapshot{{mark.index, mark.term}, voters, nullptr}));
  }
  std::vector<Entry> entries;
  entries.reserve(opened.storage.contents.entries.size());
  for (const wal::Entry& entry : opened.storage.contents.entries) entries.push_back(ToCore(entry));
  storage_.Append(entries);
  const wal::HardState& state = opened.storage.contents.hard_state;
  hard_state_ = {state.term, state.vote, CertainCommit(opened)};

  Options options;
  options.id = RaftId(self_.raft_id());
  options.max_applying_bytes = 4 << 20;
  options.forward_proposals = false;
  options.apply_written_only = true;
  options.short_ties = true;
  const Timing timing = ticks_.Of(profile_.profile, hurried_);
  options.election_ticks = timing.election_ticks;
  options.heartbeat_ticks = timing.heartbeat_ticks;
  options.pre_vote = timing.pre_vote;
  options.random = [this](std::uint64_t bound) { return random_->Below(bound); };
  core_ =
      std::make_unique<Raft>(std::move(options), storage_, Saved{hard_state_, voters, applied_});
}

void Driver::ScheduleTick() {
  // Alone there is nobody to keep in step.
  const bool alone = leads_ && membership_.voters.size() == 1;
  if (tick_ != nullptr || alone || failed_ || removed_ || stopping_) return;
  tick_ = loop_->After(ticks_.length(), [weak = weak_from_this()] {
    if (const std::shared_ptr<Driver> self = weak.lock()) self->Tick();
  });
}

void Driver::Tick() {
  tick_.reset();
  ScheduleTick();
  core_->Tick();
  LeaveIfStuck();
  Turn();
  ProbeIfDue();
}

// Followers hardly speak with each other, yet have to know whom they reach: callers are told, and
// without a leader it decides whether waiting for one makes sense.
void Driver::ProbeIfDue() {
  const SteadyTime now = runtime_.clock().SteadyNow();
  if (leads_ || now < next_probe_) return;
  next_probe_ = now + kProbePause;
  transport_->Probe(core_->leader() == kNobody ? table_.Others() : table_.Silent());
}

// A store that hangs in one change hangs for good: somebody else should lead.
void Driver::LeaveIfStuck() {
  if (!leads_ || state_->BusyMs() < kStuckMs) return;
  const SteadyTime now = runtime_.clock().SteadyNow();
  if (stuck_since_ && now - *stuck_since_ < kStuckPause) return;
  const std::optional<RaftId> heir = Heir();
  if (!heir) return;
  stuck_since_ = now;
  log_.Error("The store has been at one change for too long: another manager should lead",
             {{"seconds", std::to_string(state_->BusyMs() / 1000)}});
  core_->TransferLeadership(*heir);
}

void Driver::Receive(Message message) {
  On(loop_, [message = std::move(message)](Driver& driver) mutable {
    if (driver.core_ == nullptr || driver.removed_ || driver.failed_) return;
    driver.core_->Step(std::move(message));
    driver.Turn();
  });
}

void Driver::ReportUnreachable(RaftId id) {
  On(loop_, [id](Driver& driver) {
    if (driver.core_ == nullptr) return;
    driver.core_->ReportUnreachable(id);
    driver.Turn();
  });
}

void Driver::ReportSnapshot(RaftId id, bool arrived) {
  On(loop_, [id, arrived](Driver& driver) {
    if (driver.core_ == nullptr) return;
    driver.core_->ReportSnapshot(id, arrived);
    driver.Turn();
  });
}

void Driver::ReportActivity(RaftId id, bool active) { table_.SetActive(id, active); }

void Driver::ReportRemoved() {
  On(loop_, [](Driver& driver) {
    if (std::exchange(driver.removed_, true)) return;
    driver.log_.Warn("This manager was removed from the group");
    driver.StepDown();
    driver.table_.SetLeader(kNobody, false);
    if (driver.on_removed_) std::exchange(driver.on_removed_, nullptr)();
  });
}

void Driver::WatchRemoval(Function<void()> fn) {
  On(loop_, [fn = std::move(fn)](Driver& driver) mutable {
    if (driver.removed_) return fn();
    driver.on_removed_ = std::move(fn);
  });
}

// All the work there is. Nothing that is called from here may come back here.
void Driver::Turn() {
  do {
    while (core_->HasReady() && !failed_) Handle(core_->TakeReady());
    if (!core_->fault().empty()) return Break();
    LeadIfCaughtUp();
    WriteNext();
  } while ((AskWhoLeads() || core_->HasReady()) && !failed_);
}

void Driver::Handle(Ready ready) {
  if (ready.soft_state) OnSoftState(*ready.soft_state);
  if (!ready.hard_state.empty()) hard_state_ = ready.hard_state;
  Say(std::move(ready.messages));
  Part part;
  part.hard_state = hard_state_;
  part.entries = std::move(ready.entries);
  part.snapshot = std::move(ready.snapshot);
  part.must_sync = ready.must_sync;
  part.mark = ready.mark;
  part.after = std::move(ready.messages_after_write);
  if (part.NeedsDisk() || !part.after.empty() || !part.mark.empty()) {
    parts_.push_back(std::move(part));
  }
  Apply(ready.committed);
}

void Driver::Say(std::vector<Message> messages) {
  for (Message& message : messages) {
    if (message.type == MessageType::kSnapshot) {
      SendSnapshot(std::move(message));
    } else {
      transport_->Send(std::move(message));
    }
  }
}

void Driver::Break() {
  Fail(Status(Code::kDataLoss, core_->fault() +
                                   "\nremove this manager from the group and let it join anew "
                                   "with an empty state folder"));
}

void Driver::Fail(const Status& why) {
  if (failed_.exchange(true)) return;
  log_.Error("This manager leaves the group's work", {{"error", why.ToString()}});
  proposals_.Resign();
  On(loop_, [](Driver& driver) {
    driver.tick_.reset();
    driver.table_.SetLeader(kNobody, false);
    driver.StepDown();
  });
  fatal_(why.WithContext("consensus raft in " + options_.log.storage.directory));
}

std::optional<RaftId> Driver::Heir() const {
  std::optional<RaftId> heir;
  Index most;
  for (const auto& [id, progress] : core_->members()) {
    if (id == core_->id() || progress.learner() || !progress.recently_active()) continue;
    if (heir && progress.match() <= most) continue;
    heir = id;
    most = progress.match();
  }
  return heir;
}

Status Driver::TransferLeadership() {
  if (proposals_.leadership().value() == 0) {
    return store_errors::Make(store_errors::kLostLeader);
  }
  if (table_.Members().size() < 2) {
    return Status(Code::kFailedPrecondition,
                  "this is the only manager of the group: nobody can take over leadership");
  }
  On(loop_, [](Driver& driver) {
    const std::optional<RaftId> heir = driver.Heir();
    if (!driver.leads_ || !heir) return;
    driver.core_->TransferLeadership(*heir);
    driver.Turn();
  });
  return Status::Ok();
}

void Driver::HandOver(Function<void()> done) {
  ending_ = true;
  On(loop_, [done = std::move(done)](Driver& driver) mutable {
    const bool can = driver.core_ != nullptr && driver.leads_ && !driver.failed_;
    const std::optional<RaftId> heir = can ? driver.Heir() : std::nullopt;
    if (!heir) return done();
    driver.handed_over_ = std::move(done);
    // Not for ever: a member that dies just now takes nothing over.
    driver.hand_over_timer_ =
        driver.loop_->After(driver.options_.election_timeout, [weak = driver.weak_from_this()] {
          const std::shared_ptr<Driver> self = weak.lock();
          if (self && self->handed_over_) std::exchange(self->handed_over_, nullptr)();
        });
    driver.core_->TransferLeadership(*heir);
    driver.Turn();
  });
}

void Driver::Stop() {
  ending_ = true;
  stopping_ = true;
  proposals_.Resign();
  if (transport_ != nullptr) transport_->Stop();
  loop_->Stop();
  disk_->Stop();
  background_->Stop();
  tick_.reset();
  leader_check_.reset();
  retry_.reset();
  hand_over_timer_.reset();
  zeros_timer_.reset();
  handed_over_ = nullptr;
  on_removed_ = nullptr;
  rotated_ = nullptr;
  if (wal_ != nullptr) {
    // A hint of how far the log is committed, for whoever reads it next.
    if (core_ != nullptr && !failed_ && !writing_ && parts_.empty()) {
      static_cast<void>(
          wal_->Append({hard_state_.term, hard_state_.vote, hard_state_.commit}, {}, false));
    }
    wal_->Close();
  }
  wal_.reset();
  // The loop runs nothing any more, so this cannot overlap with another call.
  StepDown();
}

}  // namespace swarm::raft
