// Managers on virtual machines, each with consensus, the store on it and what peers call; they
// crash on disks that lose and tear whatever was not synced.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "raft_consensus.h"
#include "rpc/router.h"
#include "simulation/virtual_network.h"
#include "store_impl.h"
#include "swarm/simulation.h"
#include "timing_unit.h"

namespace swarm::managers {

class ManagerNodes {
 public:
  // `forget`: syncs to leave out, as a fault that must be noticed; null: none.
  using Forget = std::function<bool(std::string_view path)>;
  ManagerNodes(std::uint64_t seed, int count, std::uint64_t snapshot_interval, Forget forget);
  ~ManagerNodes();

  // The first founds the group, the others join it. Empty, or what went wrong. `crash_at`: number
  // (from 0) of the sync before which the founder crashes, to start again on what it then has.
  std::string Form(std::optional<std::uint64_t> crash_at = std::nullopt);
  int size() const { return static_cast<int>(nodes_.size()); }
  bool up(int at) const { return node(at).raft != nullptr && !node(at).dead; }
  bool started(int at) const { return up(at) && node(at).started; }
  // Its start failed, or it reported that it cannot go on.
  const std::optional<Status>& failure(int at) const { return node(at).failure; }
  // Counts the processes that ran there: answers of a dead one do not count.
  std::uint64_t generation(int at) const { return node(at).generation; }

  void Start(int at, int through = -1);
  // Power is lost.
  void Crash(int at);
  // In the middle of its next write.
  void CrashAtNextSync(int at) { node(at).crash_at_sync = true; }
  void NoMoreFaults();

  store::StoreImpl& store(int at) { return *node(at).store; }
  raft::RaftConsensus& raft(int at) { return *node(at).raft; }
  Machine& machine(int at) { return *node(at).machine; }
  VirtualNetwork& network() { return network_; }
  Simulation& simulation() { return simulation_; }
  int Leader() const;
  // The store's content, as it goes into a snapshot; nothing when that does not come.
  std::optional<std::string> Content(int at);

  // As Simulation::RunUntil; buries what has crashed on the way.
  bool RunUntil(const std::function<bool()>& condition, Duration limit);
  void RunFor(Duration time) {
    RunUntil([] { return false; }, time);
  }

  std::uint64_t torn_writes() const;
  std::uint64_t lost_writes() const;
  const std::set<std::string>& kinds_of_syncs() const { return kinds_; }

 private:
  struct Node {
    Machine* machine = nullptr;
    std::unique_ptr<Network> network;
    std::shared_ptr<rpc::RouterImpl> router;
    std::unique_ptr<Registration> listening;
    std::unique_ptr<Registration> health;
    std::unique_ptr<raft::RaftConsensus> raft;
    std::unique_ptr<store::StoreImpl> store;
    // What runs while it leads.
    std::unique_ptr<Loop> loop;
    std::unique_ptr<Subscription> leadership;
    std::unique_ptr<raft::TimingUnit> unit;
    bool started = false;
    bool dead = false;  // its objects are still there
    bool crash_at_sync = false;
    std::optional<std::uint64_t> crash_at;
    std::optional<Status> failure;
    std::uint64_t generation = 0;
  };
  Node& node(int at) { return nodes_[static_cast<std::size_t>(at)]; }
  const Node& node(int at) const { return nodes_[static_cast<std::size_t>(at)]; }
  bool OnSync(int at, std::uint64_t number, std::string_view path);
  void Attach(int at);
  void FollowLeadership(int at);
  bool MakeCluster();
  void Bury(int at);

  const std::uint64_t snapshot_interval_;
  const Forget forget_;
  Simulation simulation_;
  VirtualNetwork network_;
  std::vector<Node> nodes_;
  std::set<std::string> kinds_;
};

// A sync's place with what varies between files taken out: "/state/raft/wal-v3-encrypted/*.wal".
std::string KindOfSync(std::string_view path);

}  // namespace swarm::managers
