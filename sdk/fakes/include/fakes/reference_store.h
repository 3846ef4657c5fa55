// The store written for clarity instead of speed: plain maps, look-ups by going over everything,
// one transaction at a time. Use it in tests of components, and as the oracle for other stores.
//
//   Simulation sim(1);
//   fakes::ReferenceStore store(sim.AddMachine("m").runtime());
//   store.writer()->Update([&](Transaction& tx) { return tx.Create(node); }, done);
//   sim.Settle();
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "swarm/consensus.h"
#include "swarm/log.h"
#include "swarm/runtime.h"
#include "swarm/store.h"

namespace swarm::fakes {

class MemoryConsensus;
struct ReferenceState;
class ReferenceWatch;

class ReferenceStore final : public Store, public ReplicatedState {
 public:
  // With a MemoryConsensus of its own; leads at once.
  explicit ReferenceStore(Runtime& runtime);
  // On `consensus`, which it attaches to.
  ReferenceStore(Runtime& runtime, Consensus& consensus, Logger logger = {});
  ~ReferenceStore() override;

  // The current writer; aborts when not leading.
  WriterPtr writer();
  // What it stands on; only with the first constructor.
  MemoryConsensus& consensus();
  // Runs one transaction here and now, with the objects' meta exactly as given and no sequence
  // check, as entries from the log are: for preparing content, and for oracles.
  Status ApplyNow(Index index, TransactionFn fn);
  // Everything, as a StoreSnapshot.
  StoreImage Image() const;

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

  struct Impl;

 private:
  std::unique_ptr<MemoryConsensus> own_consensus_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace swarm::fakes
