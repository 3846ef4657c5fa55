#include "pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "swarm/check.h"
#include "swarm/store_errors.h"

namespace swarm::store {
namespace {

// Where SwarmKit cuts batches.
constexpr std::size_t kBatchChanges = 200;
constexpr std::size_t kBatchBytes = kMaxEntryBytes / 4 * 3;

Status LostLeader() { return {Code::kUnavailable, std::string(store_errors::kLostLeader)}; }

Status LostBase() {
  return {Code::kUnavailable,
          "part of the batch was not made because a change before it was refused; try again"};
}

}  // namespace

Pipeline::Pipeline(Consensus& consensus, const Clock& clock, Logger logger, Watchers& watchers,
                   PipelineLimits limits, Function<void()> wake)
    : consensus_(consensus),
      clock_(clock),
      logger_(std::move(logger)),
      watchers_(watchers),
      limits_(limits),
      wake_(std::move(wake)),
      committed_(Root::Empty()),
      proposed_(committed_) {}

void Pipeline::Done(const JobPtr& job, Result<Index> outcome) {
  if (!job->done) return;
  UpdateDone done = std::exchange(job->done, nullptr);
  done(std::move(outcome));
}

void Pipeline::Add(JobPtr job) {
  waiting_.push_back(std::move(job));
  Pump();
}

bool Pipeline::HasRoom() const {
  return flights_.size() < limits_.entries && bytes_in_flight_ < limits_.bytes;
}

void Pipeline::Pump() {
  while (!waiting_.empty() && HasRoom()) {
    const JobPtr job = waiting_.front();
    const bool answered = !job->done || job->failed;
    const bool refused = leader_ != job->epoch;
    if (!answered && !refused && !epoch_ && !flights_.empty()) {
      // The old epoch's last proposals are still under way: the next one's base is not known yet.
      return;
    }
    waiting_.pop_front();
    if (answered) continue;
    if (refused) {
      Done(job, LostLeader());
    } else if (Status status = OpenEpoch(); !status.ok()) {
      Done(job, std::move(status));
    } else if (job->fn) {
      RunUpdate(job);
    } else if (RunBatchPart(job)) {
      // Others get their turn between the parts.
      waiting_.push_back(job);
      return wake_();
    }
  }
}

Status Pipeline::OpenEpoch() {
  if (epoch_) return Status::Ok();
  SWARM_ASSIGN_OR_RETURN(epoch_, consensus_.OpenEpoch(*leader_));
  sequence_ = Sequence(0);
  ResetProposed();
  return Status::Ok();
}

void Pipeline::ResetProposed() {
  proposed_ = flights_.empty() ? committed_ : flights_.back().next;
  // Versions of refused proposals were never written; those of committed ones are below the
  // commit index.
  next_version_ = flights_.empty() ? 0 : flights_.back().version + 1;
}

StoreTransaction Pipeline::Begin() const {
  Stamp stamp;
  stamp.version = std::max(consensus_.CommitIndex().value(), next_version_);
  stamp.now = ToTaskTime(clock_.Now());
  return StoreTransaction(proposed_, stamp, ++edits_);
}

void Pipeline::RunUpdate(const JobPtr& job) {
  StoreTransaction tx = Begin();
  Status status = job->fn(tx);
  if (status.ok() && !tx.events().empty()) {
    return Launch(job, tx, EncodeChanges(tx.events()), /*last_part=*/true);
  }
  auto undo = tx.TakeUndo();
  StoreTransaction::PutBack(undo);
  Answer(job, std::move(status));
}

bool Pipeline::RunBatchPart(const JobPtr& job) {
  StoreTransaction tx = Begin();
  std::string changes;
  std::size_t encoded = 0;
  bool more = true;
  while (more && encoded < kBatchChanges && changes.size() < kBatchBytes) {
    Result<bool> step = job->step(tx);
    if (!step.ok()) {
      auto undo = tx.TakeUndo();
      StoreTransaction::PutBack(undo);
      Answer(job, step.status());
      return false;
    }
    more = *step;
    for (; encoded < tx.events().size(); ++encoded) AppendChange(tx.events()[encoded], changes);
  }
  if (encoded == 0) {
    Answer(job, Status::Ok());
  } else {
    Launch(job, tx, std::move(changes), !more);
  }
  return more && !job->failed;
}

void Pipeline::Launch(const JobPtr& job, StoreTransaction& tx, std::string changes,
                      bool last_part) {
  if (changes.size() > kMaxEntryBytes) {
    auto undo = tx.TakeUndo();
    StoreTransaction::PutBack(undo);
    job->failed = job->step != nullptr;
    return Answer(job, store_errors::Make(store_errors::kTooLarge));
  }
  sequence_ = sequence_.Next();
  next_version_ = tx.version() + 1;
  proposed_ = tx.root();
  bytes_in_flight_ += changes.size();
  Flight& flight = flights_.emplace_back();
  flight.epoch = *epoch_;
  flight.sequence = sequence_;
  flight.version = tx.version();
  flight.bytes = changes.size();
  flight.next = proposed_;
  flight.events = tx.TakeEvents();
  flight.undo = tx.TakeUndo();
  flight.job = job;
  flight.last_part = last_part;
  ++stats_.proposed;
  stats_.most_in_flight = std::max<std::uint64_t>(stats_.most_in_flight, flights_.size());
  consensus_.Propose(*epoch_, sequence_, std::move(changes));
}

void Pipeline::Answer(const JobPtr& job, Status status) {
  if (!flights_.empty()) {
    flights_.back().replies.push_back({job, std::move(status)});
  } else if (status.ok()) {
    Done(job, committed_.index);
  } else {
    Done(job, std::move(status));
  }
}

void Pipeline::Land(Index index) {
  Flight flight = std::move(flights_.front());
  flights_.pop_front();
  bytes_in_flight_ -= flight.bytes;
  committed_ = std::move(flight.next);
  committed_.index = index;
  if (flights_.empty()) proposed_ = committed_;
  ++stats_.committed;
  auto commit = std::make_shared<Commit>();
  commit->events = std::move(flight.events);
  commit->index = index;
  watchers_.Publish(committed_, std::move(commit));
  if (flight.last_part) Done(flight.job, index);
  for (Reply& reply : flight.replies) {
    if (reply.status.ok()) {
      Done(reply.job, index);
    } else {
      Done(reply.job, std::move(reply.status));
    }
  }
}

void Pipeline::Apply(const CommittedEntry& entry) {
  SWARM_CHECK(flights_.empty(),
              "a leader's log takes no other changes while its own are under way");
  ++stats_.applied;
  StoreTransaction tx(committed_, std::nullopt, ++edits_);
  if (Status status = ApplyChanges(entry.data, sharing_, tx); !status.ok()) {
    // As every other manager does with the same entry, so that all keep the same content.
    logger_.Error("failed to apply actions from raft; the entry was left out",
                  {{"index", std::to_string(entry.index.value())}, {"error", status.ToString()}});
    committed_.index = entry.index;
    proposed_ = committed_;
    watchers_.Publish(committed_, nullptr);
    return;
  }
  committed_ = tx.root();
  committed_.index = entry.index;
  proposed_ = committed_;
  auto commit = std::make_shared<Commit>();
  commit->events = tx.TakeEvents();
  commit->index = entry.index;
  watchers_.Publish(committed_, std::move(commit));
}

void Pipeline::OnCommitted(const std::vector<CommittedEntry>& entries) {
  bool index_moved = false;
  for (const CommittedEntry& entry : entries) {
    const bool own = !flights_.empty() && entry.epoch == flights_.front().epoch &&
                     entry.sequence == flights_.front().sequence;
    index_moved = !own && entry.data.empty();
    if (own) {
      Land(entry.index);
    } else if (entry.data.empty()) {
      committed_.index = entry.index;
      if (flights_.empty()) proposed_ = committed_;
    } else {
      Apply(entry);
    }
  }
  if (index_moved) watchers_.Publish(committed_, nullptr);
  Pump();
}

void Pipeline::OnRestore(const StoreImage& image) {
  StoreTransaction tx(committed_, std::nullopt, ++edits_);
  const Status status = ApplySnapshot(image.data, sharing_, tx);
  SWARM_CHECK(status.ok(), "consensus hands over whole snapshots only");
  committed_ = tx.root();
  committed_.index = image.index;
  proposed_ = committed_;
  auto commit = std::make_shared<Commit>();
  commit->events = tx.TakeEvents();
  watchers_.Publish(committed_, std::move(commit));
}

void Pipeline::OnLeader(LeaderEpoch epoch, Index commit) {
  leader_ = epoch;
  epoch_.reset();
  committed_.index = std::max(committed_.index, commit);
  ResetProposed();
  watchers_.Publish(committed_, nullptr);
  watchers_.SetLeader(epoch);
  Pump();
}

void Pipeline::OnFollower() {
  leader_.reset();
  epoch_.reset();
  watchers_.SetLeader(std::nullopt);
  Abandon(LostLeader());
}

void Pipeline::Abandon(const Status& why) {
  auto flights = std::exchange(flights_, {});
  auto waiting = std::exchange(waiting_, {});
  bytes_in_flight_ = 0;
  ResetProposed();
  for (auto flight = flights.rbegin(); flight != flights.rend(); ++flight) {
    StoreTransaction::PutBack(flight->undo);
  }
  for (Flight& flight : flights) {
    Done(flight.job, why);
    for (Reply& reply : flight.replies) Done(reply.job, why);
  }
  for (const JobPtr& job : waiting) Done(job, why);
}

void Pipeline::OnRefused(ProposalEpoch epoch, Sequence first, const Status& why) {
  // An epoch that has ended already may lose more of what was still under way.
  const bool current = epoch_ == epoch;
  if (!current && (flights_.empty() || flights_.back().epoch != epoch)) return;
  if (current) epoch_.reset();
  ++stats_.refused;
  LoseFlightsFrom(first, why);
  Pump();
}

void Pipeline::LoseFlightsFrom(Sequence first, const Status& why) {
  std::deque<Flight> lost;
  while (!flights_.empty() && flights_.back().sequence >= first) {
    lost.push_front(std::move(flights_.back()));
    flights_.pop_back();
    bytes_in_flight_ -= lost.front().bytes;
    StoreTransaction::PutBack(lost.front().undo);
  }
  ResetProposed();
  std::vector<JobPtr> again;
  const auto run_again = [&](const JobPtr& job) {
    // A batch cannot go back to steps it has taken.
    if (job->step) return FailBatch(job, LostBase());
    again.push_back(job);
  };
  for (Flight& flight : lost) {
    if (flight.sequence != first) {
      run_again(flight.job);
    } else if (flight.job->step) {
      FailBatch(flight.job, why);
    } else {
      Answer(flight.job, why);
    }
    for (Reply& reply : flight.replies) run_again(reply.job);
  }
  stats_.rerun += again.size();
  waiting_.insert(waiting_.begin(), again.begin(), again.end());
}

void Pipeline::FailBatch(const JobPtr& job, const Status& why) {
  if (std::exchange(job->failed, true)) return;
  Answer(job, why);
}

}  // namespace swarm::store
