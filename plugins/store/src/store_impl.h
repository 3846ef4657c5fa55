// The store on its loop: joins the pipeline, the watchers and consensus.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "pipeline.h"
#include "swarm/consensus.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/store.h"
#include "watchers.h"

namespace swarm::store {

// Threading: as its interfaces say.
class StoreImpl final : public Store, public ReplicatedState {
 public:
  // Attaches to `consensus`, which must outlive it.
  StoreImpl(Runtime& runtime, Consensus& consensus, Logger logger, PipelineLimits limits = {});
  ~StoreImpl() override;

  // [any] but the store's loops. What still waits is answered Unavailable inside this call;
  // afterwards no callback runs. Idempotent.
  void Stop() noexcept;

  ViewPtr Read() const noexcept override;
  std::unique_ptr<Subscription> Watch(WatchOptions options, Loop& loop,
                                      Function<void(CommitPtr)> fn) noexcept override;
  std::pair<ViewPtr, std::unique_ptr<Subscription>> ReadAndWatch(
      WatchOptions options, Loop& loop, Function<void(CommitPtr)> fn) noexcept override;
  Result<WriterPtr> CurrentWriter() noexcept override;
  std::unique_ptr<Subscription> WatchLeadership(
      Loop& loop, Function<void(std::optional<LeaderEpoch>)> fn) noexcept override;

  void OnCommitted(std::vector<CommittedEntry> entries) noexcept override;
  void OnRestore(StoreImage image) noexcept override;
  void OnLeader(LeaderEpoch epoch, Index commit) noexcept override;
  void OnFollower() noexcept override;
  void OnRefused(ProposalEpoch epoch, Sequence first, Status why) noexcept override;
  void Capture(Function<void(Result<StoreImage>)> done) noexcept override;
  std::int64_t BusyMs() const noexcept override;

  // Only where nothing else runs.
  PipelineStats StatsForTest() const;

  struct Core;

 private:
  // Runs `fn` with the core on the store's loop.
  void Post(Function<void(Core&)> fn);

  const std::shared_ptr<Core> core_;
};

}  // namespace swarm::store
