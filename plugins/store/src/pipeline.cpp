#include "pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "swarm/store_errors.h"

namespace swarm::store {
namespace {

// Where SwarmKit cuts batches.
constexpr std::size_t kBatchChanges = 200;
constexpr std::size_t kBatchBytes = kMaxEntryBytes / 4 * 3;

}  // namespace

Status Pipeline::LostLeader() {
  return {Code::kUnavailable, std::string(store_errors::kLostLeader)};
}

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
  // While a write is under way whatever else has come meanwhile joins the next one.
  if (flights_.empty()) return Pump();
  if (!std::exchange(pump_due_, true)) wake_();
}

bool Pipeline::HasRoom() const {
  return flights_.size() < limits_.entries && bytes_in_flight_ < limits_.bytes;
}

void Pipeline::Pump() {
  pump_due_ = false;
  std::optional<Run> run;
  while (!waiting_.empty() && HasRoom()) {
    const JobPtr job = waiting_.front();
    const bool answered = !job->done || job->failed;
    const bool refused = leader_ != job->epoch;
    // The old epoch's last proposals are still under way: the next one's base is not known yet.
    if (!answered && !refused && !epoch_ && !flights_.empty()) break;
    waiting_.pop_front();
    if (answered) continue;
    if (refused) {
      Done(job, LostLeader());
    } else if (Status status = OpenEpoch(); !status.ok()) {
      Done(job, std::move(status));
    } else {
      // What waits for the disk does not also wait for the many changes of a batch.
      if (run && job->step && !run->changes.empty()) {
        EndRun(*run);
        run.reset();
      }
      if (!run) run.emplace(BeginRun());
      if (job->fn) {
        RunUpdate(job, *run);
      } else if (RunBatchPart(job, *run)) {
        // Others get their turn between the parts.
        waiting_.push_back(job);
        pump_due_ = true;
        wake_();
        break;
      }
    }
  }
  if (run) EndRun(*run);
}

Status Pipeline::OpenEpoch() {
  if (epoch_) return Status::Ok();
  SWARM_ASSIGN_OR_RETURN(epoch_, consensus_.OpenEpoch(*leader_));
  sequence_ = Sequence(0);
  ResetProposed();
  return Status::Ok();
}

Pipeline::Run Pipeline::BeginRun() { return {Draft(proposed_, ++edits_), {}}; }

void Pipeline::EndRun(Run& run) {
  if (run.changes.empty()) return;
  proposed_ = run.draft.Take();
  flights_.back().next = proposed_;
  const ProposalEpoch epoch = *epoch_;
  std::uint64_t sequence = sequence_.value() - run.changes.size();
  for (std::string& changes : run.changes) {
    consensus_.Propose(epoch, Sequence(++sequence), std::move(changes));
  }
}

StoreTransaction Pipeline::Begin(Run& run) const {
  Stamp stamp;
  stamp.version = std::max(consensus_.CommitIndex().value(), next_version_);
  stamp.now = ToTaskTime(clock_.Now());
  return StoreTransaction(run.draft, stamp);
}

void Pipeline::RunUpdate(const JobPtr& job, Run& run) {
  StoreTransaction tx = Begin(run);
  Status status = job->fn(tx);
  if (status.ok() && !tx.events().empty()) {
    return Launch(job, tx, run, EncodeChanges(tx.events()), /*last_part=*/true);
  }
  tx.RollBack();
  Answer(job, std::move(status));
}

bool Pipeline::RunBatchPart(const JobPtr& job, Run& run) {
  StoreTransaction tx = Begin(run);
  std::string changes;
  std::size_t encoded = 0;
  bool more = true;
  while (more && encoded < kBatchChanges && changes.size() < kBatchBytes) {
    Result<bool> step = job->step(tx);
    if (!step.ok()) {
      tx.RollBack();
      Answer(job, step.status());
      return false;
    }
    more = *step;
    for (; encoded < tx.events().size(); ++encoded) AppendChange(tx.events()[encoded], changes);
  }
  if (encoded == 0) {
    Answer(job, Status::Ok());
  } else {
    Launch(job, tx, run, std::move(changes), !more);
  }
  return more && !job->failed;
}

void Pipeline::Launch(const JobPtr& job, StoreTransaction& tx, Run& run, std::string changes,
                      bool last_part) {
  if (changes.size() > kMaxEntryBytes) {
    tx.RollBack();
    job->failed = job->step != nullptr;
    return Answer(job, store_errors::Make(store_errors::kTooLarge));
  }
  sequence_ = sequence_.Next();
  next_version_ = tx.version() + 1;
  bytes_in_flight_ += changes.size();
  Flight& flight = flights_.emplace_back();
  flight.epoch = *epoch_;
  flight.sequence = sequence_;
  flight.version = tx.version();
  flight.bytes = changes.size();
  flight.events = tx.TakeEvents();
  flight.undo = tx.TakeUndo();
  flight.job = job;
  flight.last_part = last_part;
  ++stats_.proposed;
  stats_.most_in_flight = std::max<std::uint64_t>(stats_.most_in_flight, flights_.size());
  run.changes.push_back(std::move(changes));
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

}  // namespace swarm::store
