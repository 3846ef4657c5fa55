// Consensus that now and then refuses a proposal which the one below would have taken.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "swarm/consensus.h"
#include "swarm/runtime.h"

namespace swarm::durability {

inline constexpr std::string_view kRefusedByPlan = "refused by the test's plan";

// Threading: of a simulation, where everything has one thread.
class RefusingConsensus final : public Consensus {
 public:
  RefusingConsensus(Runtime& runtime, Consensus& below)
      : below_(below), loop_(runtime.NewLoop("refusals", LoopKind::kShared)) {}

  // Refuses the next proposal but `after`.
  void RefuseAfter(std::uint64_t after) { countdown_ = after; }
  std::uint64_t refusals() const { return refusals_; }
  void Stop() { loop_->Stop(); }

  void Attach(ReplicatedState& state) noexcept override {
    state_ = &state;
    below_.Attach(state);
  }
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership) noexcept override {
    return below_.OpenEpoch(leadership);
  }
  void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept override {
    if (refused_ == epoch) return;
    if (!countdown_ || (*countdown_)-- > 0) {
      return below_.Propose(epoch, sequence, std::move(changes));
    }
    countdown_.reset();
    refused_ = epoch;
    ++refusals_;
    loop_->Post([this, epoch, sequence] {
      state_->OnRefused(epoch, sequence,
                        Status(Code::kResourceExhausted, std::string(kRefusedByPlan)));
    });
  }
  LeaderInfo Leader() const noexcept override { return below_.Leader(); }
  std::vector<Member> Members() const noexcept override { return below_.Members(); }
  Index CommitIndex() const noexcept override { return below_.CommitIndex(); }
  Status TransferLeadership() noexcept override { return below_.TransferLeadership(); }
  void ReadLog(Index from, Index to,
               Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept override {
    below_.ReadLog(from, to, std::move(done));
  }

 private:
  Consensus& below_;
  const std::unique_ptr<Loop> loop_;
  ReplicatedState* state_ = nullptr;
  std::optional<std::uint64_t> countdown_;
  std::optional<ProposalEpoch> refused_;
  std::uint64_t refusals_ = 0;
};

}  // namespace swarm::durability
