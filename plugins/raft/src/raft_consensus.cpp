#include "raft_consensus.h"

#include <utility>

namespace swarm::raft {
namespace {

using docker::swarmkit::v1::JoinResponse;

// Of a member that is alone.
class NoTransport final : public Transport {
 public:
  void SetMembers(const std::vector<RaftMember>&) override {}
  void Send(Message) override {}
  void Probe(const std::vector<RaftId>&) override {}
  void AskTiming(RaftId, Function<void(TimingAnswer)> done) override { done({}); }
  void Stop() override {}
};

std::shared_ptr<TransportEvents> EventsFor(const std::shared_ptr<Driver>& driver) {
  auto events = std::make_shared<TransportEvents>();
  const std::weak_ptr<Driver> weak = driver;
  events->unreachable = [weak](RaftId id) {
    if (auto d = weak.lock()) d->ReportUnreachable(id);
  };
  events->snapshot = [weak](RaftId id, bool arrived) {
    if (auto d = weak.lock()) d->ReportSnapshot(id, arrived);
  };
  events->activity = [weak](RaftId id, bool active) {
    if (auto d = weak.lock()) d->ReportActivity(id, active);
  };
  events->removed = [weak] {
    if (auto d = weak.lock()) d->ReportRemoved();
  };
  return events;
}

}  // namespace

RaftConsensus::RaftConsensus(Runtime& runtime, MemberOptions options, Logger log,
                             Surroundings around, Function<void(Status)> fatal)
    : runtime_(runtime),
      options_(options),
      log_(log),
      around_(std::make_shared<const Surroundings>(std::move(around))),
      driver_(
          std::make_shared<Driver>(runtime, std::move(options), std::move(log), std::move(fatal))) {
  if (around_->network == nullptr) return;
  peers_ = std::make_shared<PeerParts>();
  peers_->events = EventsFor(driver_);
  peers_->dial = [around = around_](const std::string& address) {
    DialOptions dial;
    dial.server_name = "swarm-manager";
    if (around->credentials) dial.credentials = around->credentials();
    return around->network->Dial(address, std::move(dial));
  };
  transport_ = std::make_shared<RpcTransport>(peers_, options_.log.join_address);
  keeper_ = std::make_shared<ProfileKeeper>(runtime, driver_, transport_, log_);
  membership_ = std::make_shared<MembershipService>(driver_, peers_, keeper_, runtime.NewRandom());
  receiver_ = std::make_shared<Receiver>(driver_, transport_, membership_);
}

RaftConsensus::~RaftConsensus() {
  if (aside_) aside_->Stop();
  joining_->End();
  if (receiver_) receiver_->Stop();
  if (membership_) membership_->Stop();
  if (keeper_) keeper_->Stop();
  driver_->Stop();
}

void RaftConsensus::Start(Function<void(Status)> done) noexcept {
  if (!attached_) {
    return done(Status(Code::kFailedPrecondition, "no store is attached to consensus raft"));
  }
  aside_ = runtime_.NewLoop("raft-aside", LoopKind::kBlocking);
  aside_->Post([this, done = std::move(done)]() mutable { Begin(std::move(done)); });
}

void RaftConsensus::Begin(Function<void(Status)> done) {
  if (!transport_) return driver_->Start(std::make_shared<NoTransport>(), {}, std::move(done));
  if (Status status = receiver_->Register(*around_->router); !status.ok()) return done(status);
  const bool has_log = wal::StorageExists(runtime_.files(), options_.log.storage);
  const bool joins = !options_.log.join_address.empty() && (!has_log || options_.force_join);
  if (!joins) return driver_->Start(transport_, {}, std::move(done));
  auto shared = std::make_shared<Function<void(Status)>>(std::move(done));
  const Status status = Join(has_log, [shared](Status outcome) { (*shared)(std::move(outcome)); });
  if (!status.ok()) (*shared)(status);
}

Status RaftConsensus::Join(bool has_log, Function<void(Status)> done) {
  if (options_.log.address.empty()) {
    return {Code::kFailedPrecondition,
            "attempted to join raft cluster without knowing own address\nset listen.advertise to "
            "host:port as the other managers reach it"};
  }
  SWARM_ASSIGN_OR_RETURN(std::shared_ptr<Channel> manager, peers_->dial(options_.log.join_address));
  return joining_->Begin(
      *around_->router, std::move(manager), options_.log.address,
      [this, has_log, done = std::move(done)](Result<JoinResponse> response) mutable {
        aside_->Post(
            [this, has_log, response = std::move(response), done = std::move(done)]() mutable {
              Joined(has_log, std::move(response), std::move(done));
            });
      });
}

void RaftConsensus::Joined(bool has_log, Result<JoinResponse> response,
                           Function<void(Status)> done) {
  if (!response.ok()) {
    joining_->End();
    return done(
        response.status().WithContext("joining the managers through " + options_.log.join_address));
  }
  std::vector<RaftMember> peers(response->members().begin(), response->members().end());
  if (!has_log) {
    RaftMember self;
    self.set_raft_id(response->raft_id());
    self.set_node_id(options_.log.node_id);
    self.set_addr(options_.log.address);
    self.mutable_status();
    Status created = consensus::CreateJoined(runtime_, options_.log, self);
    if (!created.ok()) return done(created.WithContext("consensus raft"));
  }
  log_.Info("Joined the group", {{"members", std::to_string(peers.size())}});
  driver_->Start(transport_, std::move(peers),
                 [joining = joining_, done = std::move(done)](Status status) mutable {
                   joining->End();
                   done(std::move(status));
                 });
}

void RaftConsensus::Stop(Function<void()> done) noexcept {
  if (std::exchange(stopped_, true)) return done();
  if (!aside_) aside_ = runtime_.NewLoop("raft-aside", LoopKind::kBlocking);
  joining_->End();
  driver_->HandOver([this, done = std::move(done)]() mutable {
    aside_->Post([this, done = std::move(done)]() mutable { End(std::move(done)); });
  });
}

void RaftConsensus::End(Function<void()> done) {
  if (receiver_) receiver_->Stop();
  if (membership_) membership_->Stop();
  if (keeper_) keeper_->Stop();
  driver_->Stop();
  done();
}

void RaftConsensus::Attach(ReplicatedState& state) noexcept {
  attached_ = true;
  driver_->Attach(state);
}

Result<ProposalEpoch> RaftConsensus::OpenEpoch(LeaderEpoch leadership) noexcept {
  return driver_->OpenEpoch(leadership);
}

void RaftConsensus::Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept {
  driver_->Propose(epoch, sequence, std::move(changes));
}

bool RaftConsensus::CanRemoveMember(RaftId member) const noexcept {
  return driver_->table().CanRemove(member);
}

void RaftConsensus::RemoveMember(RaftId member, Function<void(Status)> done) noexcept {
  if (!membership_) return Consensus::RemoveMember(member, std::move(done));
  membership_->Remove(member, std::move(done));
}

void RaftConsensus::WatchRemoval(Function<void()> fn) noexcept {
  driver_->WatchRemoval(std::move(fn));
}

void RaftConsensus::UseLogKey(std::string key, Function<void(Status)> done) noexcept {
  driver_->UseLogKey(std::move(key), std::move(done));
}

void RaftConsensus::ReadLog(Index from, Index to,
                            Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept {
  driver_->ReadLog(from, to, std::move(done));
}

}  // namespace swarm::raft
