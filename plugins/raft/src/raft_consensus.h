// The plugin: a consensus instance around a Driver, its transport and what peers call.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver.h"
#include "joining.h"
#include "membership_service.h"
#include "profile_keeper.h"
#include "receiver.h"
#include "rpc_transport.h"
#include "swarm/consensus.h"
#include "swarm/leadership.h"
#include "swarm/network.h"
#include "swarm/plugin.h"

namespace swarm::raft {

// How it reaches the other managers and is reached. Borrowed; outlives the instance.
struct Surroundings {
  Network* network = nullptr;  // null: a member that stays alone
  Router* router = nullptr;
  // [any] What to show peers, and whom to trust; null: nothing.
  Function<std::shared_ptr<const Credentials>() const> credentials;
};

class RaftConsensus final : public Instance, public Consensus, public LeadershipCheck {
 public:
  RaftConsensus(Runtime& runtime, MemberOptions options, Logger log, Surroundings around,
                Function<void(Status)> fatal);
  ~RaftConsensus() override;

  void* role() noexcept override { return static_cast<Consensus*>(this); }
  void Start(Function<void(Status)> done) noexcept override;
  void Stop(Function<void()> done) noexcept override;

  void Attach(ReplicatedState& state) noexcept override;
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership) noexcept override;
  void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept override;
  LeaderInfo Leader() const noexcept override { return driver_->Leader(); }
  std::vector<Member> Members() const noexcept override { return driver_->Members(); }
  Index CommitIndex() const noexcept override { return driver_->CommitIndex(); }
  Status TransferLeadership() noexcept override { return driver_->TransferLeadership(); }
  void ConfirmLeadership(Function<void(Status)> done) noexcept override {
    driver_->ConfirmLeadership(std::move(done));
  }
  bool CanGrow() const noexcept override { return transport_ != nullptr; }
  bool CanRemoveMember(RaftId member) const noexcept override;
  void RemoveMember(RaftId member, Function<void(Status)> done) noexcept override;
  void WatchRemoval(Function<void()> fn) noexcept override;
  void UseLogKey(std::string key, Function<void(Status)> done) noexcept override;
  void ReadLog(Index from, Index to,
               Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept override;

  // Null: a member that stays alone.
  const std::shared_ptr<ProfileKeeper>& profile_keeper() const { return keeper_; }
  ProfileStatus profile() const { return driver_->profile(); }

 private:
  // [aside]
  void Begin(Function<void(Status)> done);
  Status Join(bool has_log, Function<void(Status)> done);
  void Joined(bool has_log, Result<docker::swarmkit::v1::JoinResponse> response,
              Function<void(Status)> done);
  void End(Function<void()> done);

  Runtime& runtime_;
  const MemberOptions options_;
  const Logger log_;
  const std::shared_ptr<const Surroundings> around_;
  const std::shared_ptr<Driver> driver_;
  // Only with a network.
  std::shared_ptr<PeerParts> peers_;
  std::shared_ptr<RpcTransport> transport_;
  std::shared_ptr<ProfileKeeper> keeper_;
  std::shared_ptr<MembershipService> membership_;
  std::shared_ptr<Receiver> receiver_;
  const std::shared_ptr<Joining> joining_ = std::make_shared<Joining>();
  bool attached_ = false;
  bool stopped_ = false;
  // Waits for files, peers and the driver's end, which no other loop must. Last: ends first.
  std::unique_ptr<Loop> aside_;
};

}  // namespace swarm::raft
