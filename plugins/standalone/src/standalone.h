// The plugin: a consensus instance around a Group.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "group.h"
#include "settings.h"
#include "swarm/consensus.h"
#include "swarm/plugin.h"

namespace swarm::standalone {

class Standalone final : public Instance, public Consensus {
 public:
  // `fatal`: the log cannot be written any more; once, from any thread, not after Stop.
  Standalone(
      Runtime& runtime, Options options, Logger log, Function<void(Status)> fatal = [](Status) {})
      : group_(std::make_shared<Group>(runtime, std::move(options), std::move(log),
                                       std::move(fatal))) {}
  ~Standalone() override { group_->Stop(); }

  void* role() noexcept override { return static_cast<Consensus*>(this); }
  void Start(Function<void(Status)> done) noexcept override { group_->Start(std::move(done)); }
  void Stop(Function<void()> done) noexcept override;

  void Attach(ReplicatedState& state) noexcept override { group_->Attach(state); }
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership) noexcept override;
  void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept override;
  LeaderInfo Leader() const noexcept override { return group_->Leader(); }
  std::vector<Member> Members() const noexcept override { return group_->Members(); }
  Index CommitIndex() const noexcept override { return group_->CommitIndex(); }
  Status TransferLeadership() noexcept override;
  void UseLogKey(std::string key, Function<void(Status)> done) noexcept override;
  void ReadLog(Index from, Index to,
               Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept override;

 private:
  const std::shared_ptr<Group> group_;
};

}  // namespace swarm::standalone
