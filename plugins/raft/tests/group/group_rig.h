// Whole members of the plugin, each on a machine of its own, over the virtual network: the core,
// the driver, the log on a disk that loses what was not synced, the transport and what peers call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "conformance/consensus_suite.h"
#include "raft_consensus.h"
#include "rpc/router.h"
#include "simulation/virtual_network.h"
#include "swarm/simulation.h"

namespace swarm::raft::testing {

class GroupRig {
 public:
  struct Settings {
    std::uint64_t snapshot_interval = 0;
    Duration election_timeout = std::chrono::seconds(1);
    // Members that behave as Docker Engines do: upstream's timing, no proof of being ours, and
    // as leaders no word about profiles.
    std::set<int> foreign = {};
    // Members with upstream's timing given by flags.
    std::set<int> ticks_given = {};
  };

  GroupRig(std::uint64_t seed, int members, Settings settings);
  GroupRig(std::uint64_t seed, int members) : GroupRig(seed, members, Settings()) {}
  ~GroupRig();

  // The first founds the group, the others join through it; true once all are in and, in a group
  // of ours, fast.
  bool Form();
  // Member `at` starts on what its disk has; joins through `through` when that is nothing; or goes
  // on alone by force.
  void Start(int at, int through = -1, bool force_new = false);
  bool Started(int at) const { return nodes_[Size(at)].started; }
  Status StartOutcome(int at) const { return nodes_[Size(at)].outcome; }
  // In order, with its hand-over; or by losing its power.
  void Stop(int at);
  void Crash(int at);
  // One that is down forgets that it was a member.
  void Wipe(int at);
  // In the middle of its next write, which is torn.
  void CrashAtNextSync(int at);
  void NoMoreCrashes();
  // What encrypts the log from the next start on.
  void SetKey(int at, std::string key) { nodes_[Size(at)].key = std::move(key); }
  bool up(int at) const { return nodes_[Size(at)].raft != nullptr; }

  int size() const { return static_cast<int>(nodes_.size()); }
  // The member that takes proposals; -1: none.
  int Leader() const;
  bool AwaitLeader() {
    return RunUntil([this] { return Leader() >= 0; });
  }
  // Proposes that many names to `at`, which leads.
  void Propose(int at, int count);
  // Some leader commits one name.
  bool CommitOne();
  RaftId IdOf(int at) const;
  bool Is(int at, Profile profile) { return up(at) && raft(at).profile().profile == profile; }
  // All that are up.
  bool All(Profile profile);
  // As a user could by way of a leader of another make.
  void WriteLabel(int at, Profile profile);
  // From its next start on.
  void SetForeign(int at, bool foreign);

  RaftConsensus& raft(int at) { return *nodes_[Size(at)].raft; }
  conformance::RecordingState& state(int at) { return *nodes_[Size(at)].state; }
  Machine& machine(int at) { return *nodes_[Size(at)].machine; }
  Network& network(int at) { return *nodes_[Size(at)].network; }
  VirtualNetwork& net() { return network_; }
  Simulation& simulation() { return simulation_; }

  bool RunUntil(const std::function<bool()>& condition, Duration limit = std::chrono::minutes(5));
  // Everybody who is up has everything that anybody was told to be committed.
  bool Agree();
  // What went wrong so far; empty: nothing.
  std::string Check();

  const std::map<Index, std::string>& history() const { return history_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  int elections() const { return elections_; }
  int restores() const { return restores_; }

  static std::string Address(int at) { return "m" + std::to_string(at + 1) + ":4242"; }
  static std::string NodeId(int at) { return "node-" + std::to_string(at + 1); }

 private:
  struct Node {
    Machine* machine = nullptr;
    std::unique_ptr<Network> network;
    std::shared_ptr<rpc::RouterImpl> router;
    std::unique_ptr<Router> filter;
    std::unique_ptr<Registration> listening;
    std::unique_ptr<Registration> health;
    std::unique_ptr<conformance::RecordingState> state;
    std::unique_ptr<RaftConsensus> raft;
    std::string key = std::string(32, 'k');
    bool started = false;
    bool crashed = false;  // its objects are still there
    Status outcome;
    LeaderEpoch keeps_for;  // the leadership in which the profile is kept
    Profile writing = Profile::kCompatible;
    Function<void(Status)> written;  // set while a profile is being written
    LeaderEpoch epoch_of;            // the leadership in which `epoch` was opened
    ProposalEpoch epoch;
    Sequence next;
    std::size_t checked = 0;
    int restores = 0;
    int led = 0;
    std::size_t own = 0;
  };

  static std::size_t Size(int at) { return static_cast<std::size_t>(at); }
  void Attach(int at);
  void Drop(int at);
  void Look(int at);
  void KeepProfile(int at);
  bool OpenEpoch(int at);

  Settings settings_;
  Simulation simulation_;
  VirtualNetwork network_;
  std::vector<Node> nodes_;
  std::map<Index, std::string> history_;
  std::map<std::string, Index> places_;
  std::string wrong_;
  std::uint64_t names_ = 0;
  std::uint64_t acknowledged_ = 0;
  int elections_ = 0;
  int restores_ = 0;
};

}  // namespace swarm::raft::testing
