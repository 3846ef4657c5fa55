// What every implementation of consensus/1 must do. Link swarm_consensus_conformance into a test
// program and instantiate:
//
//   using namespace swarm::conformance;
//   INSTANTIATE_TEST_SUITE_P(Mine, ConsensusSuite, testing::Values(ConsensusFactory{"mine",
//   &Make}));
//   // only where the log outlives the process:
//   INSTANTIATE_TEST_SUITE_P(Mine, ConsensusDurabilitySuite, testing::Values(...));
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swarm/consensus.h"
#include "swarm/plugin.h"
#include "swarm/settings.h"
#include "swarm/simulation.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::conformance {

struct ConsensusSetup {
  // Its state folder exists and is empty at first.
  NodeInfo node;
  // Entries between snapshots; 0: none are taken.
  std::uint64_t snapshot_interval = 0;
  // Log files should be so small that a test fills several of them.
  bool small_files = false;
};

struct ConsensusFactory {
  std::string name;
  // Made as the host would, but neither attached nor started; role() is the Consensus.
  std::function<std::unique_ptr<Instance>(Runtime&, const ConsensusSetup&)> make;
};
inline std::ostream& operator<<(std::ostream& out, const ConsensusFactory& factory) {
  return out << factory.name;
}

// A request with one change, which carries `name`.
std::string ChangesOf(std::string_view name);
// A request that changes the cluster object.
std::string ChangesOf(const docker::swarmkit::v1::Cluster& cluster);
// Names in a request.
std::vector<std::string> NamesIn(std::string_view request);

// A store that keeps names in the order of the log, and the cluster object; it checks how it is
// called.
class RecordingState final : public ReplicatedState {
 public:
  struct Refusal {
    ProposalEpoch epoch;
    Sequence first;
    Status why;
  };

  explicit RecordingState(Runtime& runtime);

  void OnCommitted(std::vector<CommittedEntry> entries) noexcept override;
  void OnRestore(StoreImage image) noexcept override;
  void OnLeader(LeaderEpoch epoch, Index commit) noexcept override;
  void OnFollower() noexcept override;
  void OnRefused(ProposalEpoch epoch, Sequence first, Status why) noexcept override;
  void Capture(Function<void(Result<StoreImage>)> done) noexcept override;
  std::int64_t BusyMs() const noexcept override { return busy_ms_; }

  // How long it pretends to have been at one change.
  void SetBusyMs(std::int64_t busy) { busy_ms_ = busy; }
  // An own proposal, so that what it holds is known when it is committed.
  void Remember(ProposalEpoch epoch, Sequence sequence, std::string name);
  void Remember(ProposalEpoch epoch, Sequence sequence,
                std::shared_ptr<const docker::swarmkit::v1::Cluster> cluster);
  // The epoch that was opened last.
  void UseEpoch(ProposalEpoch epoch) { epoch_ = epoch; }
  // From now on any call is a mistake.
  void ExpectSilence() { silent_ = true; }

  std::vector<std::string> Names() const;
  const std::vector<std::pair<Index, std::string>>& content() const { return content_; }
  // Own proposals that were reported, of all epochs.
  std::size_t own_committed() const { return own_committed_; }
  const std::vector<Refusal>& refusals() const { return refusals_; }
  bool leads() const { return leads_; }
  int times_leader() const { return times_leader_; }
  int times_follower() const { return times_follower_; }
  LeaderEpoch leadership() const { return leadership_; }
  Index commit_at_leader() const { return commit_at_leader_; }
  Index last_index() const { return last_index_; }
  int restores() const { return restores_; }
  int captures() const { return captures_; }
  // The first call that broke the contract; empty: none.
  const std::string& mistake() const { return mistake_; }

 private:
  void Mistake(std::string what);
  struct Proposed {
    std::string name;
    std::shared_ptr<const docker::swarmkit::v1::Cluster> cluster;  // else null
  };
  void TakeOwn(const CommittedEntry& entry);
  void TakeCluster(std::string_view request);

  std::unique_ptr<Loop> loop_;
  std::map<std::pair<ProposalEpoch, Sequence>, Proposed> proposed_;
  std::shared_ptr<const docker::swarmkit::v1::Cluster> cluster_;
  ProposalEpoch epoch_;
  std::vector<std::pair<Index, std::string>> content_;
  std::vector<Refusal> refusals_;
  std::size_t own_committed_ = 0;
  Sequence last_own_;
  bool leads_ = false;
  bool silent_ = false;
  std::int64_t busy_ms_ = 0;
  int times_leader_ = 0;
  int times_follower_ = 0;
  int restores_ = 0;
  int captures_ = 0;
  LeaderEpoch leadership_;
  Index commit_at_leader_;
  Index last_index_;
  std::string mistake_;
};

// One member on one virtual machine, started and stopped and crashed.
class ConsensusRig {
 public:
  ConsensusRig(const ConsensusFactory& factory, std::uint64_t seed);
  ~ConsensusRig();

  // Makes and starts an instance and waits until it leads.
  Status Boot();
  // Stops the instance as the host does and drops it.
  void Shutdown();
  // The machine loses its power. May be called from a hook of the disk.
  void Crash();
  // Drops what a crash has left.
  void Bury();

  // Opens an epoch.
  ProposalEpoch Open();
  // Proposes the next name in the open epoch. `size`: of the changes, at least; 0: small.
  std::string Propose(std::size_t size = 0);
  // Waits until all proposed since Open is reported committed; false when that does not happen.
  bool Drain();
  bool RunUntil(const std::function<bool()>& condition);
  void Settle();

  // Opens an epoch and commits `count` names.
  std::vector<std::string> Commit(std::size_t count, std::size_t size = 0);
  Result<std::vector<CommittedEntry>> ReadLog(Index from, Index to);

  Consensus& consensus() { return *consensus_; }
  Instance& instance() { return *instance_; }
  RecordingState& state() { return *state_; }
  Machine& machine() { return machine_; }
  Simulation& simulation() { return simulation_; }
  bool alive() const { return instance_ != nullptr && !crashed_; }
  // All names proposed so far, in order.
  const std::vector<std::string>& proposed() const { return proposed_; }

  ConsensusSetup setup;

 private:
  const ConsensusFactory factory_;
  Simulation simulation_;
  Machine& machine_;
  std::unique_ptr<RecordingState> state_;
  std::unique_ptr<Instance> instance_;
  Consensus* consensus_ = nullptr;
  bool crashed_ = false;
  ProposalEpoch epoch_;
  Sequence next_;
  std::vector<std::string> proposed_;
};

// A life of crashes: proposals in bursts, a crash before the sync with that number, restarts,
// checks of what was reported. Returns what went wrong, or nothing.
struct CrashPlan {
  std::uint64_t seed = 1;
  // Number of the sync (from 0) before which the machine crashes; nothing: never.
  std::optional<std::uint64_t> crash_at = std::nullopt;
  std::uint64_t snapshot_interval = 0;
  // Syncs for which this is true are left out, as if forgotten. May be null.
  std::function<bool(std::string_view path)> forget = nullptr;
};
std::string RunCrashPlan(const ConsensusFactory& factory, const CrashPlan& plan,
                         std::uint64_t* syncs = nullptr);

class ConsensusSuite : public testing::TestWithParam<ConsensusFactory> {
 protected:
  ConsensusSuite() : rig_(GetParam(), 1) {}
  void TearDown() override;

  ConsensusRig rig_;
};

class ConsensusDurabilitySuite : public ConsensusSuite {};

}  // namespace swarm::conformance
