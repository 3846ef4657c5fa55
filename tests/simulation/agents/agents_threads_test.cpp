// The same parts on real threads, calls in memory: what a simulation cannot show are races.
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../../../plugins/agent/src/agent_unit.h"
#include "../../../plugins/agent/src/options.h"
#include "../../../plugins/dispatcher/src/dispatcher.h"
#include "../../../plugins/dispatcher/src/options.h"
#include "../../../plugins/executor-sim/src/sim_executor.h"
#include "fakes/instance_context.h"
#include "fakes/reference_store.h"
#include "rpc/loopback.h"
#include "rpc/router.h"
#include "runtime/production.h"

namespace swarm {
namespace {

using namespace std::chrono_literals;

class OneManager final : public ManagerSource {
 public:
  explicit OneManager(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
  std::shared_ptr<Channel> Select() noexcept override { return channel_; }
  void Report(const std::shared_ptr<Channel>&, bool) noexcept override {}
  void SetManagers(std::vector<Peer>) noexcept override {}

 private:
  const std::shared_ptr<Channel> channel_;
};

// Something that happens once, on another thread.
class Event {
 public:
  void Set() {
    std::lock_guard lock(mutex_);
    set_ = true;
    condition_.notify_all();
  }
  bool Wait(std::chrono::seconds limit = 60s) {
    std::unique_lock lock(mutex_);
    return condition_.wait_for(lock, limit, [&] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool set_ = false;
};

void StopAndWait(Instance& instance) {
  Event stopped;
  instance.Stop([&] { stopped.Set(); });
  ASSERT_TRUE(stopped.Wait());
}

void StartAndWait(Instance& instance) {
  Event started;
  std::optional<Status> result;
  instance.Start([&](Status status) {
    result = std::move(status);
    started.Set();
  });
  ASSERT_TRUE(started.Wait());
  ASSERT_TRUE(result->ok()) << *result;
}

class ThreadsTest : public testing::Test {
 protected:
  struct SimulatedNode {
    std::unique_ptr<executor_sim::SimExecutor> executor;
    std::unique_ptr<fakes::FakeContext> context;
    AgentParameters parameters;
    std::unique_ptr<Instance> agent;
  };

  // The count of used memory covers one arena, so all threads share it.
  static void SetUpTestSuite() { mallopt(M_ARENA_MAX, 1); }

  ThreadsTest() : store(*runtime), loopback(*runtime, router), context(*runtime) {
    router.SetSelf({"manager", "org", {"swarm-manager"}});
    context.router_part = &router;
    context.values = fakes::SettingReader::Read({dispatcher::kSettings, dispatcher::kSettingCount});
    context.node_info.node_id = "manager";
    context.node_info.advertise_address = "10.0.0.1:4242";
    context.Provide<Store>(kStoreRole, store);
    unit = std::make_unique<dispatcher::Dispatcher>(context);
  }
  ~ThreadsTest() override {
    StopAgents();
    StopAndWait(*unit);
    unit.reset();
  }

  void StopAgents() {
    for (auto& node : nodes) {
      StopAndWait(*node->agent);
      StopAndWait(*node->executor);
      node->agent.reset();
    }
    nodes.clear();
  }
  void Write(TransactionFn fn) {
    Event done;
    std::optional<Result<Index>> result;
    store.writer()->Update(std::move(fn), [&](Result<Index> r) {
      result = std::move(r);
      done.Set();
    });
    ASSERT_TRUE(done.Wait());
    ASSERT_TRUE(result->ok()) << result->status();
  }
  void AddNode(const std::string& id) {
    pb::Node object;
    object.set_id(id);
    Write([&](Transaction& tx) { return tx.Create(std::make_shared<pb::Node>(object)); });
    auto node = std::make_unique<SimulatedNode>();
    node->executor =
        std::make_unique<executor_sim::SimExecutor>(*runtime, Logger(), executor_sim::SimOptions());
    StartAndWait(*node->executor);
    node->parameters.node_id = id;
    node->parameters.managers = std::make_shared<OneManager>(loopback.NewChannel(
        {Listener::kRemote, Identity{id, "org", {"swarm-worker"}}, "10.0.0.9:1"}));
    node->parameters.executors = {{"sim", node->executor.get()}};
    node->context = std::make_unique<fakes::FakeContext>(*runtime);
    node->context->values = fakes::SettingReader::Read({agent::kSettings, agent::kSettingCount});
    node->context->instance_parameters = &node->parameters;
    auto made = agent::AgentUnit::Create(*node->context);
    ASSERT_TRUE(made.ok()) << made.status();
    node->agent = std::move(*made);
    StartAndWait(*node->agent);
    nodes.push_back(std::move(node));
  }
  void AddTask(const std::string& id, const std::string& node_id) {
    auto task = std::make_shared<Task>();
    task->id = id;
    task->node_id = node_id;
    task->spec = std::make_shared<pb::TaskSpec>();
    task->service_annotations = std::make_shared<pb::Annotations>();
    task->status.state = pb::ASSIGNED;
    task->desired_state = pb::RUNNING;
    Write([&](Transaction& tx) { return tx.CreateTask(task); });
  }
  // Looks again at every change of the store.
  bool Await(std::vector<Table> tables, std::function<bool(const Reader&)> condition) {
    Event held;
    auto loop = runtime->NewLoop("test", LoopKind::kShared);
    auto check = [&] {
      if (condition(*store.Read())) held.Set();
    };
    auto watch = store.Watch({std::move(tables)}, *loop, [&](CommitPtr) { check(); });
    loop->Post(check);
    bool ok = held.Wait();
    loop->Stop();
    return ok;
  }
  bool AwaitTasks(pb::TaskState state, std::size_t count) {
    return Await({Table::kTask}, [=](const Reader& reader) {
      return reader.FindTasks(By::TaskState(state))->size() == count;
    });
  }
  bool AwaitReady(std::size_t count) {
    return Await({Table::kNode}, [=](const Reader& reader) {
      std::size_t ready = 0;
      auto all = reader.Find<pb::Node>(By::All());
      for (const auto& node : *all) ready += node->status().state() == pb::NodeStatus::READY;
      return ready == count;
    });
  }

  std::unique_ptr<Runtime> runtime = MakeRuntime({.threads = 4});
  rpc::RouterImpl router;
  fakes::ReferenceStore store;
  rpc::Loopback loopback;
  fakes::FakeContext context;
  std::unique_ptr<dispatcher::Dispatcher> unit;
  std::vector<std::unique_ptr<SimulatedNode>> nodes;
};

TEST_F(ThreadsTest, TasksRunAndStop) {
  StartAndWait(*unit);
  for (int i = 0; i < 10; ++i) AddNode("n" + std::to_string(i));
  for (int i = 0; i < 100; ++i) AddTask("t" + std::to_string(i), "n" + std::to_string(i % 10));
  EXPECT_TRUE(AwaitTasks(pb::RUNNING, 100));
  for (int i = 0; i < 100; ++i) {
    Write([&](Transaction& tx) {
      auto task = std::make_shared<Task>(*tx.GetTask("t" + std::to_string(i)));
      task->desired_state = pb::SHUTDOWN;
      return tx.UpdateTask(std::move(task));
    });
  }
  EXPECT_TRUE(AwaitTasks(pb::SHUTDOWN, 100));
}

TEST_F(ThreadsTest, StoppingInTheMiddleLeavesNothingBehind) {
  for (int round = 0; round < 5; ++round) {
    unit = std::make_unique<dispatcher::Dispatcher>(context);
    StartAndWait(*unit);
    for (int i = 0; i < 5; ++i) AddNode("r" + std::to_string(round) + "n" + std::to_string(i));
    for (int i = 0; i < 20; ++i) {
      AddTask("r" + std::to_string(round) + "t" + std::to_string(i),
              "r" + std::to_string(round) + "n" + std::to_string(i % 5));
    }
    // Either end first.
    if (round % 2 == 0) StopAndWait(*unit);
    StopAgents();
    if (round % 2 == 1) StopAndWait(*unit);
    unit.reset();
  }
  unit = std::make_unique<dispatcher::Dispatcher>(context);
}

// Both ends of the connection and the simulated executor are in this process, so the bound is for
// all of them together.
TEST_F(ThreadsTest, IdleAgentIsCheap) {
  StartAndWait(*unit);
  AddNode("first");
  ASSERT_TRUE(AwaitReady(1));
  constexpr std::size_t kNodes = 300;
  auto used = [] { return mallinfo2().uordblks; };
  std::size_t before = used();
  for (std::size_t i = 0; i < kNodes; ++i) AddNode("n" + std::to_string(i));
  ASSERT_TRUE(AwaitReady(kNodes + 1));
  std::size_t each = (used() - before) / kNodes;
  RecordProperty("bytes_per_agent", static_cast<int>(each));
  std::cout << each << " bytes an agent, both ends\n";
  EXPECT_LT(each, 40u << 10);
}

}  // namespace
}  // namespace swarm
