// Consensus of a group of one, in memory: it leads as soon as it starts and commits at once.
//
// NOT DURABLE: the log lives in this process. When the manager stops, the cluster's state is gone.
// It shows the whole contract of swarm/consensus.h: epochs, order, refusals, reading the log. To
// make it your own, put the agreement between Propose and Deliver.
#include <swarm/consensus.h>
#include <swarm/plugin.h>
#include <swarm/store_errors.h>

#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using swarm::Code;
using swarm::CommittedEntry;
using swarm::Index;
using swarm::LeaderEpoch;
using swarm::ProposalEpoch;
using swarm::Result;
using swarm::Sequence;
using swarm::Status;

constexpr swarm::SettingDescriptor kSettings[] = {
    {"history", swarm::SettingType::kInteger, "10000",
     "Entries kept for clients that resume a watch.", 0, 10'000'000},
};

// Leads once in its life.
constexpr LeaderEpoch kLeadership(1);

// The state. Callbacks to the store are made on the loop; what other threads ask for is behind the
// mutex, which is never held in a callback.
class Group : public std::enable_shared_from_this<Group> {
 public:
  Group(swarm::Runtime& runtime, std::size_t history)
      : loop_(runtime.NewLoop("consensus-template", swarm::LoopKind::kShared)), history_(history) {}

  void Attach(swarm::ReplicatedState& state) { state_ = &state; }

  void Start(swarm::Function<void(Status)> done) {
    loop_->Post([self = shared_from_this(), done = std::move(done)]() mutable {
      if (self->state_ == nullptr)
        return done(Status(Code::kFailedPrecondition, "no store is attached"));
      {
        const std::lock_guard lock(self->mutex_);
        if (self->stopped_) return done(Status(Code::kCancelled, "stopped while starting"));
        self->leads_ = true;
      }
      self->state_->OnLeader(kLeadership, Index(0));
      done(Status::Ok());
    });
  }

  // After `done` the store hears nothing more: what is still posted finds nothing to do.
  void Stop(swarm::Function<void()> done) {
    bool led = false;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      led = std::exchange(leads_, false);
      arrived_.clear();
    }
    loop_->Post([self = shared_from_this(), led, done = std::move(done)]() mutable {
      if (led) self->state_->OnFollower();
      done();
    });
  }

  // Not from the loop: waits for what runs on it.
  void StopLoop() { loop_->Stop(); }

  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership) {
    const std::lock_guard lock(mutex_);
    if (!leads_ || leadership != kLeadership)
      return Status(Code::kUnavailable, std::string(swarm::store_errors::kLostLeader));
    epoch_ = epoch_.Next();
    next_ = Sequence(1);
    open_ = true;
    return epoch_;
  }

  // Accepts strictly in order; the first refusal closes the epoch.
  void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) {
    {
      const std::lock_guard lock(mutex_);
      if (!leads_ || !open_ || epoch != epoch_) return;
      Arrival arrival{epoch, sequence, std::move(changes), Status::Ok()};
      if (sequence != next_) {
        arrival.refused = Status(Code::kFailedPrecondition, "proposals came out of order");
      } else if (arrival.data.size() > swarm::kMaxEntryBytes) {
        arrival.refused = swarm::store_errors::Make(swarm::store_errors::kTooLarge);
      }
      open_ = arrival.refused.ok();
      next_ = next_.Next();
      arrived_.push_back(std::move(arrival));
    }
    loop_->Post([self = shared_from_this()] { self->Deliver(); });
  }

  bool leads() const {
    const std::lock_guard lock(mutex_);
    return leads_;
  }
  Index commit() const {
    const std::lock_guard lock(mutex_);
    return commit_;
  }

  Result<std::vector<CommittedEntry>> Read(Index from, Index to) const {
    const std::lock_guard lock(mutex_);
    if (from > to) return Status(Code::kOutOfRange, "versions are out of order");
    if (to > commit_) return Status(Code::kOutOfRange, "last version is out of bounds");
    if (from.value() + log_.size() < commit_.value())
      return Status(Code::kOutOfRange, "requested index is unavailable due to compaction");
    std::vector<CommittedEntry> found;
    for (const CommittedEntry& entry : log_) {
      if (entry.index > from && entry.index <= to) found.push_back(entry);
    }
    return found;
  }

 private:
  struct Arrival {
    ProposalEpoch epoch;
    Sequence sequence;
    std::string data;
    Status refused;
  };

  // [loop] Commits what has arrived, in order, and reports it.
  void Deliver() {
    std::vector<CommittedEntry> committed;
    std::optional<Arrival> refused;
    {
      const std::lock_guard lock(mutex_);
      while (!arrived_.empty() && !refused) {
        Arrival arrival = std::move(arrived_.front());
        arrived_.pop_front();
        if (arrival.refused.ok()) {
          committed.push_back(Commit(std::move(arrival)));
        } else {
          refused = std::move(arrival);
        }
      }
    }
    if (!committed.empty()) state_->OnCommitted(std::move(committed));
    if (!refused) return;
    state_->OnRefused(refused->epoch, refused->sequence, std::move(refused->refused));
    Deliver();  // what a later epoch has brought meanwhile
  }

  // The store holds the changes of its current epoch already; those of one it has given up come
  // back to it like somebody else's.
  CommittedEntry Commit(Arrival arrival) {
    commit_ = commit_.Next();
    log_.push_back({commit_, {}, {}, arrival.data});
    if (log_.size() > history_) log_.pop_front();
    if (arrival.epoch == epoch_) return {commit_, arrival.epoch, arrival.sequence, {}};
    return {commit_, {}, {}, std::move(arrival.data)};
  }

  const std::unique_ptr<swarm::Loop> loop_;
  const std::size_t history_;
  swarm::ReplicatedState* state_ = nullptr;  // set before the start

  mutable std::mutex mutex_;
  bool leads_ = false;
  bool stopped_ = false;
  bool open_ = false;
  ProposalEpoch epoch_;
  Sequence next_;
  Index commit_;
  std::deque<Arrival> arrived_;
  std::deque<CommittedEntry> log_;
};

class MemoryConsensus final : public swarm::Instance, public swarm::Consensus {
 public:
  explicit MemoryConsensus(swarm::InstanceContext& context)
      : node_id_(context.node().node_id),
        address_(context.node().advertise_address),
        logger_(context.logger()),
        group_(std::make_shared<Group>(
            context.runtime(),
            static_cast<std::size_t>(context.settings().GetInteger("history")))) {}
  ~MemoryConsensus() override { group_->StopLoop(); }

  void* role() noexcept override { return static_cast<swarm::Consensus*>(this); }
  void Start(swarm::Function<void(Status)> done) noexcept override {
    logger_.Warn("the log is kept in memory only: the cluster ends with this process");
    group_->Start(std::move(done));
  }
  void Stop(swarm::Function<void()> done) noexcept override { group_->Stop(std::move(done)); }

  void Attach(swarm::ReplicatedState& state) noexcept override { group_->Attach(state); }
  Result<ProposalEpoch> OpenEpoch(LeaderEpoch leadership) noexcept override {
    return group_->OpenEpoch(leadership);
  }
  void Propose(ProposalEpoch epoch, Sequence sequence, std::string changes) noexcept override {
    group_->Propose(epoch, sequence, std::move(changes));
  }
  swarm::LeaderInfo Leader() const noexcept override {
    if (!group_->leads()) return {};
    return {true, node_id_, address_, 0};
  }
  std::vector<swarm::Member> Members() const noexcept override {
    return {{swarm::RaftId(1), node_id_, address_, true, group_->leads(), true}};
  }
  Index CommitIndex() const noexcept override { return group_->commit(); }
  Status TransferLeadership() noexcept override {
    return {Code::kFailedPrecondition, "there is no other manager to take over"};
  }
  void ReadLog(Index from, Index to,
               swarm::Function<void(Result<std::vector<CommittedEntry>>)> done) noexcept override {
    done(group_->Read(from, to));
  }

 private:
  const std::string node_id_;
  const std::string address_;
  const swarm::Logger logger_;
  const std::shared_ptr<Group> group_;
};

Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  return std::unique_ptr<swarm::Instance>(std::make_unique<MemoryConsensus>(context));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"consensus/1", swarm::Scope::kManager, "", "", &Create},
};

}  // namespace

SWARM_PLUGIN(consensus_template) = {SWARM_PLUGIN_HEADER,
                                    "consensus-template",
                                    "0.1.0",
                                    "A consensus group of one manager, in memory: not durable",
                                    swarm::Maturity::kAlpha,
                                    kSettings,
                                    std::size(kSettings),
                                    kUnits,
                                    std::size(kUnits)};
