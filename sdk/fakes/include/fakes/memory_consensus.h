// Consensus in memory, with no disk and no peers, whose outcome a test decides: it commits at once,
// or holds what it accepted, refuses, loses leadership, or brings entries of somebody else.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "swarm/consensus.h"
#include "swarm/runtime.h"

namespace swarm::fakes {

// Threading: [any]. Callbacks to the store run on a loop of its own.
class MemoryConsensus final : public Consensus {
 public:
  explicit MemoryConsensus(Runtime& runtime);
  ~MemoryConsensus() override;

  void Attach(ReplicatedState& state) noexcept override;
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership) noexcept override;
  void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept override;
  LeaderInfo Leader() const noexcept override;
  std::vector<Member> Members() const noexcept override;
  Index CommitIndex() const noexcept override;
  Status TransferLeadership() noexcept override;
  void ReadLog(Index from, Index to,
               Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept override;

  // Begins a period of leadership. `now`: tell the store inside this call instead of on the loop.
  void Lead(bool now = false);
  // Ends it. What was accepted and not committed is lost, or (`commit_rest`) commits afterwards as
  // somebody else's entries, as it may after a real change of leader.
  void Follow(bool commit_rest = false);
  // While held, accepted proposals wait; Release commits the first `count` of them.
  void Hold();
  void Release(std::size_t count = SIZE_MAX);
  void StopHolding();
  // Refuses the next proposal that arrives (after `after` more were accepted), for `why`.
  void RefuseNext(Status why, std::size_t after = 0);
  // Refuses what is held, from the first on.
  void RefuseHeld(Status why);
  // Commits an entry of another leader: a serialised InternalRaftRequest.
  void CommitForeign(std::string data);
  // Replaces the store's content, as of `image.index`.
  void Restore(StoreImage image);
  // How far the log moves with each commit; 1 at first.
  void SetStride(std::uint64_t stride);
  void SetIndex(Index index);
  // Whether log() and ReadLog have what is committed from now on; at first they do.
  void KeepLog(bool keep);
  // Ends all callbacks; call before the store goes.
  void Stop();

  // Everything committed so far.
  std::vector<CommittedEntry> log() const;
  std::size_t held() const;
  // Most proposals that ever waited together.
  std::size_t most_in_flight() const;
  std::uint64_t refusals() const;

 private:
  struct Proposal {
    ProposalEpoch epoch;
    Sequence sequence;
    std::string data;
  };
  void Arrived(Proposal proposal);
  void CommitWaiting();
  void Refuse(std::unique_lock<std::mutex>& lock, ProposalEpoch epoch, Sequence first, Status why);

  std::unique_ptr<Loop> loop_;
  ReplicatedState* state_ = nullptr;  // set once, before anything else

  mutable std::mutex mutex_;  // guards all below; never held across a call to the store
  bool leading_ = false;
  LeaderEpoch leadership_;
  ProposalEpoch last_epoch_;
  std::optional<ProposalEpoch> open_epoch_;  // empty: refusing everything
  Sequence next_sequence_;
  std::deque<Proposal> waiting_;
  bool holding_ = false;
  std::size_t release_ = 0;
  std::optional<Status> refuse_;
  std::size_t refuse_after_ = 0;
  Index commit_;
  std::uint64_t stride_ = 1;
  bool keep_log_ = true;
  std::vector<CommittedEntry> log_;
  std::size_t most_in_flight_ = 0;
  std::uint64_t refusals_ = 0;
};

}  // namespace swarm::fakes
