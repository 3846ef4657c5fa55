// What comes back from consensus: entries that are committed, and the loss of those that are not.
#include <algorithm>
#include <string>
#include <utility>

#include "pipeline.h"
#include "swarm/check.h"

namespace swarm::store {
namespace {

Status LostBase() {
  return {Code::kUnavailable,
          "part of the batch was not made because a change before it was refused; try again"};
}

CommitPtr MakeCommit(std::vector<Event> events, std::optional<Index> index) {
  return std::make_shared<const Commit>(Commit{std::move(events), index});
}

}  // namespace

struct Pipeline::Landing {
  std::optional<Draft> draft;  // on top of committed_, of entries that were not our own
  std::vector<CommitPtr> commits;
  std::vector<Flight> answered;
  // Of the commits: those since the last run that has landed as a whole.
  std::vector<CommitPtr> unfinished;
  Index index;
};

bool Pipeline::IsNextFlight(const CommittedEntry& entry) const {
  return !flights_.empty() && entry.epoch == flights_.front().epoch &&
         entry.sequence == flights_.front().sequence;
}

void Pipeline::OnCommitted(const std::vector<CommittedEntry>& entries) {
  Landing landing;
  landing.index = committed_.index;
  for (const CommittedEntry& entry : entries) {
    landing.index = entry.index;
    if (IsNextFlight(entry)) {
      Land(entry, landing);
    } else if (!entry.data.empty()) {
      Apply(entry, landing);
    }
  }
  Finish(landing);
  Pump();
}

void Pipeline::Land(const CommittedEntry& entry, Landing& landing) {
  Flight flight = std::move(flights_.front());
  flights_.pop_front();
  bytes_in_flight_ -= flight.bytes;
  ++stats_.committed;
  landing.commits.push_back(MakeCommit(std::move(flight.events), entry.index));
  landing.unfinished.push_back(landing.commits.back());
  if (flight.next) {
    committed_ = *std::exchange(flight.next, std::nullopt);
    landing.draft.reset();
    landing.unfinished.clear();
  }
  flight.index = entry.index;
  landing.answered.push_back(std::move(flight));
}

void Pipeline::Apply(const CommittedEntry& entry, Landing& landing) {
  SWARM_CHECK(flights_.empty(),
              "a leader's log takes no other changes while its own are under way");
  ++stats_.applied;
  if (!landing.draft) landing.draft.emplace(committed_, ++edits_);
  StoreTransaction tx(*landing.draft, std::nullopt);
  if (Status status = ApplyChanges(entry.data, sharing_, tx); !status.ok()) {
    // As every other manager does with the same entry, so that all keep the same content.
    tx.RollBack();
    logger_.Error("failed to apply actions from raft; the entry was left out",
                  {{"index", std::to_string(entry.index.value())}, {"error", status.ToString()}});
    return;
  }
  landing.commits.push_back(MakeCommit(tx.TakeEvents(), entry.index));
}

void Pipeline::Finish(Landing& landing) {
  if (!landing.unfinished.empty()) {
    ++stats_.rebuilt;
    if (!landing.draft) landing.draft.emplace(committed_, ++edits_);
  }
  for (const CommitPtr& commit : landing.unfinished) Repeat(commit->events, *landing.draft);
  if (landing.draft) committed_ = landing.draft->Take();
  committed_.index = landing.index;
  if (flights_.empty()) proposed_ = committed_;
  watchers_.Publish(committed_, landing.commits);
  for (Flight& flight : landing.answered) {
    if (flight.last_part) Done(flight.job, flight.index);
    for (Reply& reply : flight.replies) {
      if (reply.status.ok()) {
        Done(reply.job, flight.index);
      } else {
        Done(reply.job, std::move(reply.status));
      }
    }
  }
}

void Pipeline::OnRestore(const StoreImage& image) {
  Draft draft(committed_, ++edits_);
  StoreTransaction tx(draft, std::nullopt);
  const Status status = ApplySnapshot(image.data, sharing_, tx);
  SWARM_CHECK(status.ok(), "consensus hands over whole snapshots only");
  committed_ = draft.Take();
  committed_.index = image.index;
  proposed_ = committed_;
  watchers_.Publish(committed_, {MakeCommit(tx.TakeEvents(), std::nullopt)});
}

void Pipeline::OnLeader(LeaderEpoch epoch, Index commit) {
  leader_ = epoch;
  epoch_.reset();
  committed_.index = std::max(committed_.index, commit);
  ResetProposed();
  watchers_.Publish(committed_, {});
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

void Pipeline::ResetProposed() {
  // Versions of refused proposals were never written; those of committed ones are below the
  // commit index.
  next_version_ = flights_.empty() ? 0 : flights_.back().version + 1;
  if (flights_.empty()) {
    proposed_ = committed_;
    return;
  }
  if (!flights_.back().next) flights_.back().next = RebuildLast();
  proposed_ = *flights_.back().next;
}

Root Pipeline::RebuildLast() {
  ++stats_.rebuilt;
  const auto begin = std::find_if(flights_.rbegin(), flights_.rend(), [](const Flight& f) {
                       return f.next.has_value();
                     }).base();
  Draft draft(begin == flights_.begin() ? committed_ : *std::prev(begin)->next, ++edits_);
  for (auto flight = begin; flight != flights_.end(); ++flight) Repeat(flight->events, draft);
  return draft.Take();
}

void Pipeline::FailBatch(const JobPtr& job, const Status& why) {
  if (std::exchange(job->failed, true)) return;
  Answer(job, why);
}

}  // namespace swarm::store
