// The way of changes: run on the newest proposed state, proposed in order, made visible and
// answered once committed; and what happens when the ground under them is lost.
//
// What waits is run in one go and shares one version of the trees, which is most of what a change
// costs; what commits in one go becomes visible in one go. Runs and what consensus writes together
// mostly coincide. Where one ends inside the other, the version in between is made of the changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "root.h"
#include "swarm/consensus.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/store.h"
#include "transaction.h"
#include "watchers.h"
#include "wire.h"

namespace swarm::store {

// An update or a batch, from its call to its answer.
struct Job {
  LeaderEpoch epoch;
  TransactionFn fn;     // an update; or
  BatchStep step;       // a batch
  UpdateDone done;      // null once answered
  bool failed = false;  // a batch that lost a part: takes no more steps
};
using JobPtr = std::shared_ptr<Job>;

struct PipelineLimits {
  // Proposals on their way to being committed; who comes beyond waits.
  std::size_t entries = 1024;
  std::size_t bytes = 16 << 20;
};

struct PipelineStats {
  std::uint64_t proposed = 0;
  std::uint64_t committed = 0;
  std::uint64_t refused = 0;  // times an epoch ended by a refusal
  std::uint64_t rerun = 0;    // updates run again because their base was lost
  std::uint64_t rebuilt = 0;  // versions in the middle of a run that were made of its changes
  std::uint64_t applied = 0;  // entries of the log that were not our own proposals
  std::uint64_t most_in_flight = 0;
};

// [loop] Everything.
class Pipeline {
 public:
  // `wake` posts a call of Pump to the loop.
  Pipeline(Consensus& consensus, const Clock& clock, Logger logger, Watchers& watchers,
           PipelineLimits limits, Function<void()> wake);

  void Add(JobPtr job);
  // Runs what waits, as far as there is room.
  void Pump();
  void OnCommitted(const std::vector<CommittedEntry>& entries);
  void OnRestore(const StoreImage& image);
  void OnLeader(LeaderEpoch epoch, Index commit);
  void OnFollower();
  void OnRefused(ProposalEpoch epoch, Sequence first, const Status& why);
  // Answers everything still waiting with `why`.
  void Abandon(const Status& why);

  const Root& committed() const { return committed_; }
  const PipelineStats& stats() const { return stats_; }

 private:
  // An outcome that rests on a proposal still in flight.
  struct Reply {
    JobPtr job;
    Status status;
  };
  struct Flight {
    ProposalEpoch epoch;
    Sequence sequence;
    std::uint64_t version = 0;
    std::size_t bytes = 0;
    std::optional<Root> next;  // what it leaves; only of the last of a run
    std::vector<Event> events;
    std::vector<StoreTransaction::Undo> undo;
    JobPtr job;
    bool last_part = false;  // answers the job
    std::vector<Reply> replies;
    Index index;  // once landed
  };

  // Transactions run one after another on one draft, then proposed.
  struct Run {
    Draft draft;
    std::vector<std::string> changes;  // of the last flights, to be proposed
  };
  // What commits in one go.
  struct Landing;

  static Status LostLeader();
  bool HasRoom() const;
  Status OpenEpoch();
  Run BeginRun();
  void EndRun(Run& run);
  void RunUpdate(const JobPtr& job, Run& run);
  // Whether there are more parts.
  bool RunBatchPart(const JobPtr& job, Run& run);
  StoreTransaction Begin(Run& run) const;
  void Launch(const JobPtr& job, StoreTransaction& tx, Run& run, std::string changes,
              bool last_part);
  // Ends a batch of which a part was lost.
  void FailBatch(const JobPtr& job, const Status& why);
  // Reports the outcome once what it rests on is committed.
  void Answer(const JobPtr& job, Status status);
  static void Done(const JobPtr& job, Result<Index> outcome);
  bool IsNextFlight(const CommittedEntry& entry) const;
  void Land(const CommittedEntry& entry, Landing& landing);
  void Apply(const CommittedEntry& entry, Landing& landing);
  void Finish(Landing& landing);
  void LoseFlightsFrom(Sequence first, const Status& why);
  void ResetProposed();
  // What the last flight leaves, of which the rest of the run was lost.
  Root RebuildLast();

  Consensus& consensus_;
  const Clock& clock_;
  const Logger logger_;
  Watchers& watchers_;
  const PipelineLimits limits_;
  Function<void()> wake_;

  Root committed_;
  Root proposed_;
  // Each draft changes trees under a number of its own.
  std::uint64_t edits_ = 0;
  std::optional<LeaderEpoch> leader_;
  std::optional<ProposalEpoch> epoch_;  // empty: to be opened before the next proposal
  Sequence sequence_;                   // last used in epoch_
  // One more than the last version given to a proposal that was not refused.
  std::uint64_t next_version_ = 0;
  std::deque<Flight> flights_;
  std::size_t bytes_in_flight_ = 0;
  std::deque<JobPtr> waiting_;
  bool pump_due_ = false;  // a call of Pump is on its way
  Sharing sharing_;
  PipelineStats stats_;
};

}  // namespace swarm::store
