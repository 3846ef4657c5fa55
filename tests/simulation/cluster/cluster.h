// One manager with every shipped plugin, and any number of agents with simulated executors, in one
// thread on a virtual disk and a network that delays and loses.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "host/host.h"
#include "host/registry.h"
#include "rpc/router.h"
#include "simulation/virtual_network.h"
#include "swarm/agent.h"
#include "swarm/simulation.h"
#include "swarm/store.h"

namespace swarm::test {

struct ClusterOptions {
  std::uint64_t seed = 1;
  int agents = 3;
  double loss = 0;              // share of messages that break their connection
  std::string executor = "{}";  // settings of executor-sim, as a YAML map's inside
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Simulation& simulation() { return simulation_; }
  VirtualNetwork& network() { return network_; }
  Store& store() { return *store_; }
  bool leading();

  // Runs until the transaction is durable.
  Status Update(TransactionFn fn);
  // A replicated service; its id.
  std::string CreateService(const std::string& name, std::uint64_t replicas);
  Status RemoveService(const std::string& id);
  Status Scale(const std::string& id, std::uint64_t replicas);
  int CountTasks(pb::TaskState state) const;

  // Kills the manager's process, with what its disk had not synced, and starts it again.
  void CrashManager();
  // Stops and starts manager and leader scope, as demotion and promotion would.
  void CycleManager();
  // Makes agents `first` to `last` (exclusive) and starts them.
  void StartAgents(int first, int last);
  void StopAgents();

 private:
  struct Worker {
    std::unique_ptr<Network> network;
    std::unique_ptr<Instance> executor;
    std::unique_ptr<Instance> agent;
  };
  class Tagged;

  void MakeManager();
  void StartManager();
  void StopManager();
  void AddNodes();

  const ClusterOptions options_;
  Simulation simulation_;
  VirtualNetwork network_;
  Machine& manager_machine_;
  Machine& worker_machine_;
  host::PluginRegistry registry_;

  std::unique_ptr<Runtime> manager_runtime_;
  std::unique_ptr<Network> manager_network_;
  std::unique_ptr<rpc::RouterImpl> router_;
  std::shared_ptr<CallTarget> target_;
  std::unique_ptr<Registration> listening_;
  std::unique_ptr<Loop> manager_loop_;
  std::unique_ptr<host::PluginHost> manager_;
  std::unique_ptr<Subscription> leadership_;
  Store* store_ = nullptr;
  bool leader_running_ = false;

  std::unique_ptr<Loop> worker_loop_;
  std::unique_ptr<rpc::RouterImpl> worker_router_;
  std::unique_ptr<Network> worker_network_;
  std::unique_ptr<host::PluginHost> workers_host_;
  std::vector<Worker> workers_;
};

}  // namespace swarm::test
