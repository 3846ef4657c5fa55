#include "fakes/reference_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "fakes/memory_consensus.h"
#include "reference_state.h"
#include "swarm/check.h"
#include "swarm/store_errors.h"

namespace swarm::fakes {

// One subscriber. Its loop's queue holds what it has not seen yet.
class ReferenceWatch {
 public:
  ReferenceWatch(WatchOptions options, Loop& loop, Function<void(CommitPtr)> fn)
      : options_(std::move(options)), loop_(loop), fn_(std::move(fn)) {}

  static void Deliver(const std::shared_ptr<ReferenceWatch>& watch, const CommitPtr& commit) {
    const auto& wanted = watch->options_.tables;
    const bool hit = wanted.empty() || std::ranges::any_of(commit->events, [&](const Event& e) {
                       return std::ranges::find(wanted, e.table) != wanted.end();
                     });
    if (!hit) return;
    watch->loop_.Post([weak = std::weak_ptr(watch), commit] {
      if (const auto self = weak.lock()) self->fn_(commit);
    });
  }

 private:
  const WatchOptions options_;
  Loop& loop_;
  Function<void(CommitPtr)> fn_;
};

namespace {

struct LeadershipWatch {
  Loop& loop;
  Function<void(std::optional<LeaderEpoch>)> fn;

  static void Deliver(const std::shared_ptr<LeadershipWatch>& watch,
                      std::optional<LeaderEpoch> epoch) {
    watch->loop.Post([weak = std::weak_ptr(watch), epoch] {
      if (const auto self = weak.lock()) self->fn(epoch);
    });
  }
};

// Owns the subscriber; the store only knows it weakly.
template <class Watch>
class Owner final : public Subscription {
 public:
  explicit Owner(std::shared_ptr<Watch> watch) : watch_(std::move(watch)) {}

 private:
  std::shared_ptr<Watch> watch_;
};

Status Lost() { return {Code::kUnavailable, std::string(store_errors::kLostLeader)}; }

}  // namespace

// What waits for its turn: an update, or a batch between two of its parts.
struct Job {
  LeaderEpoch epoch;
  TransactionFn fn;
  BatchStep step;
  UpdateDone done;
};

struct ReferenceStore::Impl : std::enable_shared_from_this<Impl> {
  Impl(Runtime& r, Consensus& c, Logger l)
      : runtime(r),
        consensus(c),
        logger(std::move(l)),
        loop(r.NewLoop("reference-store", LoopKind::kShared)) {}

  // A proposal that waits for its outcome.
  struct Flight {
    ReferenceState next;
    CommitPtr commit;
    UpdateDone done;
    std::optional<Job> rest;  // of a batch that goes on
  };

  void Enqueue(Job job) {
    loop->Post([weak = weak_from_this(), job = std::make_shared<Job>(std::move(job))] {
      if (const auto self = weak.lock()) {
        self->jobs.push_back(std::move(*job));
        self->Pump();
      }
    });
  }

  void Pump() {
    while (!flight && !jobs.empty()) {
      Job job = std::move(jobs.front());
      jobs.pop_front();
      if (!leader || job.epoch != *leader) {
        job.done(Lost());
        continue;
      }
      Run(std::move(job));
    }
  }

  void Run(Job job) {
    ReferenceTransaction tx(Head(), consensus.CommitIndex().value(), runtime.clock().Now());
    bool more = false;
    Status status;
    if (job.fn) {
      status = job.fn(tx);
    } else {
      status = RunBatchPart(job, tx, more);
    }
    if (!status.ok()) return job.done(std::move(status));
    if (tx.events().empty()) return job.done(Head().index);
    Propose(std::move(job), tx, more);
  }

  static Status RunBatchPart(Job& job, ReferenceTransaction& tx, bool& more) {
    do {
      SWARM_ASSIGN_OR_RETURN(more, job.step(tx));
    } while (more && tx.events().size() < 200 &&
             ToRequest(tx.events()).ByteSizeLong() < kMaxEntryBytes / 4 * 3);
    return Status::Ok();
  }

  void Propose(Job job, ReferenceTransaction& tx, bool more) {
    if (!epoch) {
      auto opened = consensus.OpenEpoch(*leader);
      if (!opened.ok()) return job.done(opened.status());
      epoch = *opened;
      sequence = Sequence(0);
    }
    std::string data = ToRequest(tx.events()).SerializeAsString();
    auto commit = std::make_shared<Commit>();
    commit->events = tx.TakeEvents();
    flight.emplace();
    flight->next = tx.state();
    flight->commit = std::move(commit);
    if (more) {
      flight->rest = std::move(job);
    } else {
      flight->done = std::move(job.done);
    }
    sequence = sequence.Next();
    consensus.Propose(*epoch, sequence, std::move(data));
  }

  void Fail(Status why) {
    Flight failed = std::move(*flight);
    flight.reset();
    (failed.rest ? failed.rest->done : failed.done)(std::move(why));
  }

  void Committed(const CommittedEntry& entry) {
    if (flight && epoch && entry.epoch == *epoch && entry.sequence == sequence) {
      Flight landed = std::move(*flight);
      flight.reset();
      landed.next.index = entry.index;
      auto commit = std::make_shared<Commit>(*landed.commit);
      commit->index = entry.index;
      Publish(std::move(landed.next), std::move(commit));
      if (landed.rest) {
        jobs.push_back(std::move(*landed.rest));
      } else {
        landed.done(entry.index);
      }
      return;
    }
    Apply(entry);
  }

  void Apply(const CommittedEntry& entry) {
    ReferenceTransaction tx(Head(), std::nullopt, {});
    pb::InternalRaftRequest request;
    Status status;
    if (!request.ParseFromString(entry.data))
      status = {Code::kDataLoss, "log entry is not readable"};
    for (const auto& action : request.action()) {
      if (status.ok()) status = tx.Apply(action);
    }
    ReferenceState next = status.ok() ? tx.state() : Head();
    next.index = entry.index;
    if (!status.ok()) {
      logger.Error("failed to apply actions from raft",
                   {{"index", std::to_string(entry.index.value())}, {"error", status.ToString()}});
    }
    auto commit = std::make_shared<Commit>();
    if (status.ok()) commit->events = tx.TakeEvents();
    commit->index = entry.index;
    Publish(std::move(next), std::move(commit));
  }

  ReferenceState Head() const {
    std::lock_guard lock(mutex);
    return head;
  }

  // Makes the state visible and tells the subscribers, as one step for those who watch.
  void Publish(ReferenceState next, CommitPtr commit) {
    std::lock_guard lock(mutex);
    head = std::move(next);
    if (commit->events.empty()) return;
    std::erase_if(watches, [](const auto& w) { return w.expired(); });
    for (const auto& weak : watches) {
      if (const auto watch = weak.lock()) ReferenceWatch::Deliver(watch, commit);
    }
  }

  void SetLeader(std::optional<LeaderEpoch> now) {
    std::lock_guard lock(mutex);
    leader_visible = now;
    std::erase_if(leadership, [](const auto& w) { return w.expired(); });
    for (const auto& weak : leadership) {
      if (const auto watch = weak.lock()) LeadershipWatch::Deliver(watch, now);
    }
  }

  void Post(Function<void(Impl&)> fn) {
    loop->Post([weak = weak_from_this(), fn = std::move(fn)]() mutable {
      if (const auto self = weak.lock()) fn(*self);
    });
  }

  Runtime& runtime;
  Consensus& consensus;
  const Logger logger;
  const std::unique_ptr<Loop> loop;

  // Of the loop.
  std::deque<Job> jobs;
  std::optional<Flight> flight;
  std::optional<LeaderEpoch> leader;
  std::optional<ProposalEpoch> epoch;
  Sequence sequence;

  // Lock order: nothing else is taken while this is held.
  mutable std::mutex mutex;
  ReferenceState head;
  std::optional<LeaderEpoch> leader_visible;
  std::vector<std::weak_ptr<ReferenceWatch>> watches;
  std::vector<std::weak_ptr<LeadershipWatch>> leadership;
};

namespace {

class ReferenceWriter final : public Writer {
 public:
  ReferenceWriter(std::weak_ptr<ReferenceStore::Impl> impl, LeaderEpoch epoch)
      : impl_(std::move(impl)), epoch_(epoch) {}
  LeaderEpoch epoch() const noexcept override { return epoch_; }
  void Update(TransactionFn fn, UpdateDone done) noexcept override {
    if (const auto impl = impl_.lock()) impl->Enqueue({epoch_, std::move(fn), {}, std::move(done)});
  }
  void Batch(BatchStep step, UpdateDone done) noexcept override {
    if (const auto impl = impl_.lock())
      impl->Enqueue({epoch_, {}, std::move(step), std::move(done)});
  }

 private:
  const std::weak_ptr<ReferenceStore::Impl> impl_;
  const LeaderEpoch epoch_;
};

}  // namespace

ReferenceStore::ReferenceStore(Runtime& runtime)
    : own_consensus_(std::make_unique<MemoryConsensus>(runtime)),
      impl_(std::make_shared<Impl>(runtime, *own_consensus_, Logger())) {
  own_consensus_->Attach(*this);
  own_consensus_->Lead(/*now=*/true);
}

ReferenceStore::ReferenceStore(Runtime& runtime, Consensus& consensus, Logger logger)
    : impl_(std::make_shared<Impl>(runtime, consensus, std::move(logger))) {
  consensus.Attach(*this);
}

ReferenceStore::~ReferenceStore() {
  if (own_consensus_) own_consensus_->Stop();
  impl_->loop->Stop();
}

WriterPtr ReferenceStore::writer() { return CurrentWriter().value(); }

MemoryConsensus& ReferenceStore::consensus() {
  SWARM_CHECK(own_consensus_, "the store was made with its own consensus");
  return *own_consensus_;
}

Status ReferenceStore::ApplyNow(Index index, TransactionFn fn) {
  ReferenceTransaction tx(impl_->Head(), std::nullopt, {});
  SWARM_RETURN_IF_ERROR(fn(tx));
  ReferenceState next = tx.state();
  next.index = index;
  auto commit = std::make_shared<Commit>();
  commit->events = tx.TakeEvents();
  commit->index = index;
  impl_->Publish(std::move(next), std::move(commit));
  return Status::Ok();
}

StoreImage ReferenceStore::Image() const {
  const ReferenceState state = impl_->Head();
  return {state.index, ToSnapshot(state).SerializeAsString()};
}

ViewPtr ReferenceStore::Read() const noexcept {
  return std::make_shared<ReferenceView>(impl_->Head());
}

std::unique_ptr<Subscription> ReferenceStore::Watch(WatchOptions options, Loop& loop,
                                                    Function<void(CommitPtr)> fn) noexcept {
  return ReadAndWatch(std::move(options), loop, std::move(fn)).second;
}

std::pair<ViewPtr, std::unique_ptr<Subscription>> ReferenceStore::ReadAndWatch(
    WatchOptions options, Loop& loop, Function<void(CommitPtr)> fn) noexcept {
  auto watch = std::make_shared<ReferenceWatch>(std::move(options), loop, std::move(fn));
  std::lock_guard lock(impl_->mutex);
  impl_->watches.push_back(watch);
  return {std::make_shared<ReferenceView>(impl_->head),
          std::make_unique<Owner<ReferenceWatch>>(std::move(watch))};
}

Result<WriterPtr> ReferenceStore::CurrentWriter() noexcept {
  std::lock_guard lock(impl_->mutex);
  if (!impl_->leader_visible) return store_errors::Make(store_errors::kLostLeader);
  return WriterPtr(std::make_shared<ReferenceWriter>(impl_, *impl_->leader_visible));
}

std::unique_ptr<Subscription> ReferenceStore::WatchLeadership(
    Loop& loop, Function<void(std::optional<LeaderEpoch>)> fn) noexcept {
  auto watch = std::make_shared<LeadershipWatch>(loop, std::move(fn));
  std::lock_guard lock(impl_->mutex);
  impl_->leadership.push_back(watch);
  LeadershipWatch::Deliver(watch, impl_->leader_visible);
  return std::make_unique<Owner<LeadershipWatch>>(std::move(watch));
}

void ReferenceStore::OnCommitted(std::vector<CommittedEntry> entries) noexcept {
  impl_->Post([entries = std::move(entries)](Impl& impl) {
    for (const CommittedEntry& entry : entries) impl.Committed(entry);
    impl.Pump();
  });
}

void ReferenceStore::OnRestore(StoreImage image) noexcept {
  impl_->Post([image = std::move(image)](Impl& impl) {
    pb::StoreSnapshot snapshot;
    SWARM_CHECK(snapshot.ParseFromString(image.data), "consensus hands over whole snapshots");
    ReferenceTransaction tx(impl.Head(), std::nullopt, {});
    tx.Replace(snapshot);
    ReferenceState next = tx.state();
    next.index = image.index;
    auto commit = std::make_shared<Commit>();
    commit->events = tx.TakeEvents();
    impl.Publish(std::move(next), std::move(commit));
  });
}

void ReferenceStore::OnLeader(LeaderEpoch epoch, Index commit) noexcept {
  // Visible at once when called from a constructor; the loop hears of it before any job.
  impl_->Post([epoch, commit](Impl& impl) {
    impl.leader = epoch;
    impl.epoch.reset();
    ReferenceState head = impl.Head();
    head.index = std::max(head.index, commit);
    impl.Publish(std::move(head), std::make_shared<Commit>());
  });
  impl_->SetLeader(epoch);
}

void ReferenceStore::OnFollower() noexcept {
  impl_->SetLeader(std::nullopt);
  impl_->Post([](Impl& impl) {
    impl.leader.reset();
    impl.epoch.reset();
    if (impl.flight) impl.Fail(Lost());
    impl.Pump();
  });
}

void ReferenceStore::OnRefused(ProposalEpoch epoch, Sequence, Status why) noexcept {
  impl_->Post([epoch, why = std::move(why)](Impl& impl) {
    if (impl.epoch != epoch) return;
    impl.epoch.reset();
    if (impl.flight) impl.Fail(why);
    impl.Pump();
  });
}

void ReferenceStore::Capture(Function<void(Result<StoreImage>)> done) noexcept {
  impl_->Post([this, done = std::move(done)](Impl&) mutable { done(Image()); });
}

}  // namespace swarm::fakes
