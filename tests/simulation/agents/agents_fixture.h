// A dispatcher and agents without the rest of a manager, over a network that delays and loses.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Two plugins' libraries are linked, each with files of the same names: include them by path.
#include "../../../plugins/agent/src/agent_unit.h"
#include "../../../plugins/agent/src/options.h"
#include "../../../plugins/dispatcher/src/dispatcher.h"
#include "../../../plugins/dispatcher/src/options.h"
#include "../../../plugins/executor-sim/src/sim_executor.h"
#include "fakes/instance_context.h"
#include "fakes/reference_store.h"
#include "rpc/router.h"
#include "simulation/virtual_network.h"
#include "swarm/simulation.h"

namespace swarm::agents_simulation {

using namespace std::chrono_literals;

inline constexpr std::string_view kManagerAddress = "10.0.0.1:4242";

class OneManager final : public ManagerSource {
 public:
  explicit OneManager(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
  std::shared_ptr<Channel> Select() noexcept override { return channel_; }
  void Report(const std::shared_ptr<Channel>&, bool) noexcept override {}
  void SetManagers(std::vector<Peer>) noexcept override {}

 private:
  const std::shared_ptr<Channel> channel_;
};

struct SimulatedNode {
  std::string id;
  Machine* machine = nullptr;
  std::unique_ptr<Network> network;
  std::unique_ptr<executor_sim::SimExecutor> executor;
  std::unique_ptr<fakes::FakeContext> context;
  AgentParameters parameters;
  std::unique_ptr<Instance> agent;
};

class Fixture {
 public:
  Fixture(std::uint64_t seed, int node_count, double loss)
      : sim(seed),
        network(sim),
        manager(sim.AddMachine("manager")),
        router(std::make_shared<rpc::RouterImpl>()),
        store(manager.runtime()),
        context(manager.runtime()) {
    network.SetLoss(loss);
    router->SetSelf({"manager", "org", {"swarm-manager"}});
    context.router_part = router.get();
    context.values = fakes::SettingReader::Read({dispatcher::kSettings, dispatcher::kSettingCount});
    context.node_info.node_id = "manager";
    context.node_info.advertise_address = std::string(kManagerAddress);
    context.Provide<Store>(kStoreRole, store);
    sim.Settle();
    StartDispatcher();
    auto listening = network.Listen(manager, kManagerAddress, router);
    EXPECT_TRUE(listening.ok());
    registration = std::move(*listening);
    for (int i = 0; i < node_count; ++i) AddNode("node" + std::to_string(i));
  }
  ~Fixture() {
    for (SimulatedNode& node : nodes) StopAgent(node);
    nodes.clear();
    StopDispatcher();
    registration.reset();
  }

  void StartDispatcher() {
    unit = std::make_unique<dispatcher::Dispatcher>(context);
    std::optional<Status> started;
    unit->Start([&](Status status) { started = status; });
    EXPECT_TRUE(sim.RunUntil([&] { return started.has_value(); }, 1s));
    EXPECT_TRUE(started->ok()) << *started;
  }
  void StopDispatcher() {
    bool stopped = false;
    unit->Stop([&] { stopped = true; });
    EXPECT_TRUE(sim.RunUntil([&] { return stopped; }, 1s));
    unit.reset();
  }

  void AddNode(const std::string& id) {
    SimulatedNode& node = nodes.emplace_back();
    node.id = id;
    node.machine = &sim.AddMachine(id);
    pb::Node object;
    object.set_id(id);
    Write([&](Transaction& tx) { return tx.Create(std::make_shared<pb::Node>(object)); });
    StartAgent(node);
  }
  void StartAgent(SimulatedNode& node) {
    Runtime& runtime = node.machine->runtime();
    node.network = network.Attach(*node.machine, Identity{node.id, "org", {"swarm-worker"}});
    node.executor =
        std::make_unique<executor_sim::SimExecutor>(runtime, Logger(), executor_sim::SimOptions());
    node.executor->Start([](Status) {});
    node.parameters.node_id = node.id;
    node.parameters.hostname = node.id;
    node.parameters.state_dir = "/var/lib/swarmd/worker";
    auto channel = node.network->Dial(kManagerAddress, {});
    ASSERT_TRUE(channel.ok());
    node.parameters.managers = std::make_shared<OneManager>(std::move(*channel));
    node.parameters.executors = {{"sim", node.executor.get()}};
    node.context = std::make_unique<fakes::FakeContext>(runtime);
    node.context->values = fakes::SettingReader::Read({agent::kSettings, agent::kSettingCount});
    node.context->instance_parameters = &node.parameters;
    auto made = agent::AgentUnit::Create(*node.context);
    ASSERT_TRUE(made.ok()) << made.status();
    node.agent = std::move(*made);
    node.agent->Start([](Status status) { EXPECT_TRUE(status.ok()) << status; });
  }
  void StopAgent(SimulatedNode& node) {
    if (!node.agent) return;
    bool stopped = false;
    node.agent->Stop([&] { stopped = true; });
    EXPECT_TRUE(sim.RunUntil([&] { return stopped; }, 10s));
    bool executor_stopped = false;
    node.executor->Stop([&] { executor_stopped = true; });
    EXPECT_TRUE(sim.RunUntil([&] { return executor_stopped; }, 10s));
    Destroy(node);
  }
  void Destroy(SimulatedNode& node) {
    node.agent.reset();
    node.executor.reset();
    node.parameters.managers.reset();
    node.network.reset();
  }
  void CrashNode(SimulatedNode& node) {
    node.machine->Crash();
    Destroy(node);
    StartAgent(node);
  }

  void Write(TransactionFn fn) {
    std::optional<Result<Index>> done;
    store.writer()->Update(std::move(fn), [&](Result<Index> result) { done = std::move(result); });
    ASSERT_TRUE(sim.RunUntil([&] { return done.has_value(); }, 1s));
    ASSERT_TRUE(done->ok()) << done->status();
  }
  // As the scheduler would leave them.
  void Assign(int count) {
    auto spec = std::make_shared<pb::TaskSpec>();
    spec->mutable_container()->set_image("sim");
    auto annotations = std::make_shared<pb::Annotations>();
    annotations->set_name("web");
    for (int i = 0; i < count; ++i) {
      auto task = std::make_shared<Task>();
      task->id = "task" + std::to_string(tasks++);
      task->node_id = nodes[static_cast<std::size_t>(i) % nodes.size()].id;
      task->slot = static_cast<std::uint64_t>(tasks);
      task->spec = spec;
      task->service_annotations = annotations;
      task->status.state = pb::ASSIGNED;
      task->desired_state = pb::RUNNING;
      Write([&](Transaction& tx) { return tx.CreateTask(task); });
    }
  }
  void WantAll(pb::TaskState desired) {
    for (int i = 0; i < tasks; ++i) {
      Write([&](Transaction& tx) {
        auto task = std::make_shared<Task>(*tx.GetTask("task" + std::to_string(i)));
        task->desired_state = desired;
        return tx.UpdateTask(std::move(task));
      });
    }
  }
  int CountTasks(pb::TaskState state) {
    auto found = store.Read()->FindTasks(By::TaskState(state));
    return found.ok() ? static_cast<int>(found->size()) : -1;
  }
  bool Await(pb::TaskState state, int count, Duration limit = 10min) {
    return sim.RunUntil([&] { return CountTasks(state) == count; }, limit);
  }

  Simulation sim;
  VirtualNetwork network;
  Machine& manager;
  std::shared_ptr<rpc::RouterImpl> router;
  fakes::ReferenceStore store;
  fakes::FakeContext context;
  std::unique_ptr<dispatcher::Dispatcher> unit;
  std::unique_ptr<Registration> registration;
  std::deque<SimulatedNode> nodes;
  int tasks = 0;
};

}  // namespace swarm::agents_simulation
