#include "cluster.h"

#include <gtest/gtest.h>

#include "memory.h"
#include "swarm/proxy.h"
#include "tagged_files.h"

extern "C" const swarm::PluginDescriptor swarm_plugin_standalone, swarm_plugin_store,
    swarm_plugin_proxy_direct, swarm_plugin_dispatcher, swarm_plugin_orchestrator,
    swarm_plugin_scheduler, swarm_plugin_allocator, swarm_plugin_keymanager, swarm_plugin_gossip,
    swarm_plugin_rolemanager, swarm_plugin_logbroker, swarm_plugin_agent, swarm_plugin_executor_sim;

namespace swarm::test {
namespace {

constexpr std::uint8_t kManagerMemory = 1;
constexpr const char* kClusterId = "cluster";
constexpr const char* kAddress = "manager:4242";
constexpr Duration kPatience = std::chrono::minutes(20);

std::string NodeName(int number) { return "worker-" + std::to_string(number); }

// Everything that runs inside counts as the manager's memory.
template <class... Args>
auto Tag(Function<void(Args...)> fn) {
  return [fn = std::move(fn)](Args... args) mutable {
    SetMemoryOwner(kManagerMemory);
    fn(std::forward<Args>(args)...);
    SetMemoryOwner(0);
  };
}

class TaggedLoop final : public Loop {
 public:
  explicit TaggedLoop(std::unique_ptr<Loop> inner) : inner_(std::move(inner)) {}
  void Post(Function<void()> fn) noexcept override { inner_->Post(Tag(std::move(fn))); }
  std::unique_ptr<Timer> After(Duration delay, Function<void()> fn) noexcept override {
    return inner_->After(delay, Tag(std::move(fn)));
  }
  bool InLoop() const noexcept override { return inner_->InLoop(); }
  void Stop() noexcept override { inner_->Stop(); }

 private:
  std::unique_ptr<Loop> inner_;
};

class TaggedRuntime final : public Runtime {
 public:
  explicit TaggedRuntime(Runtime& inner) : inner_(inner), files_(inner.files()) {}
  const Clock& clock() const noexcept override { return inner_.clock(); }
  FileSystem& files() noexcept override { return files_; }
  std::unique_ptr<Loop> NewLoop(std::string_view name, LoopKind kind) noexcept override {
    return std::make_unique<TaggedLoop>(inner_.NewLoop(name, kind));
  }
  std::unique_ptr<Random> NewRandom() noexcept override { return inner_.NewRandom(); }

 private:
  Runtime& inner_;
  TaggedFiles files_;
};

class TaggedTarget final : public CallTarget {
 public:
  explicit TaggedTarget(CallTarget& inner) : inner_(inner) {}
  void Unary(CallContextPtr context, Payload request, UnaryReply reply) noexcept override {
    SetMemoryOwner(kManagerMemory);
    inner_.Unary(std::move(context), std::move(request), std::move(reply));
    SetMemoryOwner(0);
  }
  void Stream(ServerStreamPtr stream) noexcept override {
    SetMemoryOwner(kManagerMemory);
    inner_.Stream(std::move(stream));
    SetMemoryOwner(0);
  }

 private:
  CallTarget& inner_;
};

class OneManager final : public ManagerSource {
 public:
  explicit OneManager(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
  std::shared_ptr<Channel> Select() noexcept override { return channel_; }
  void Report(const std::shared_ptr<Channel>&, bool) noexcept override {}
  void SetManagers(std::vector<Peer>) noexcept override {}

 private:
  std::shared_ptr<Channel> channel_;
};

class SilentEvents final : public AgentEvents {
 public:
  void OnSession() noexcept override {}
  void OnNode(const pb::Node&) noexcept override {}
  void OnRootCa(const std::string&) noexcept override {}
};

std::vector<host::ConfiguredPlugin> Plugins(host::PluginRegistry& registry, const std::string& yaml,
                                            const std::vector<std::string>& sections) {
  auto loaded = config::Load(yaml, "cluster.yaml", {},
                             [&](std::string_view name, const std::vector<std::string>& path) {
                               return registry.Load(name, path);
                             });
  for (const auto& error : loaded.errors) ADD_FAILURE() << error;
  std::erase_if(loaded.config.plugins, [&](const host::ConfiguredPlugin& p) {
    return std::find(sections.begin(), sections.end(), p.section) == sections.end();
  });
  return std::move(loaded.config.plugins);
}

}  // namespace

Cluster::Cluster(const ClusterOptions& options)
    : options_(options),
      simulation_(options.seed),
      network_(simulation_),
      manager_machine_(simulation_.AddMachine("manager")),
      worker_machine_(simulation_.AddMachine("workers")) {
  network_.SetLoss(options.loss);
  for (const auto* descriptor :
       {&swarm_plugin_standalone, &swarm_plugin_store, &swarm_plugin_proxy_direct,
        &swarm_plugin_dispatcher, &swarm_plugin_orchestrator, &swarm_plugin_scheduler,
        &swarm_plugin_allocator, &swarm_plugin_keymanager, &swarm_plugin_rolemanager,
        &swarm_plugin_gossip, &swarm_plugin_logbroker, &swarm_plugin_agent,
        &swarm_plugin_executor_sim}) {
    const Status added = registry_.Add(*descriptor);
    EXPECT_TRUE(added.ok()) << added;
  }
  FileSystem& files = manager_machine_.runtime().files();
  EXPECT_TRUE(files.CreateDirectory("/state", 0700).ok());
  EXPECT_TRUE(files.SyncDirectory("/").ok());
  MakeManager();
  StartManager();
  AddNodes();

  Runtime& runtime = worker_machine_.runtime();
  worker_loop_ = runtime.NewLoop("workers", LoopKind::kBlocking);
  worker_router_ = std::make_unique<rpc::RouterImpl>();
  worker_network_ = network_.Attach(worker_machine_, std::nullopt);
  auto made = host::MakePluginHost(
      {Logger(), &runtime, worker_network_.get(), worker_router_.get()},
      Plugins(registry_,
              "plugins:\n  proxy: {use: none}\n  ca: {use: none}\n  control: []\n  components: []\n"
              "  executor:\n    - {use: sim, " +
                  options_.executor.substr(1, options_.executor.size() - 2) + "}\n",
              {"agent", "executor"}),
      *worker_loop_);
  EXPECT_TRUE(made.ok()) << made.status();
  workers_host_ = std::move(*made);
  StartAgents(0, options_.agents);
}

Cluster::~Cluster() {
  StopAgents();
  StopManager();
}

void Cluster::MakeManager() {
  manager_runtime_ = std::make_unique<TaggedRuntime>(manager_machine_.runtime());
  manager_network_ = network_.Attach(manager_machine_, std::nullopt);
  router_ = std::make_unique<rpc::RouterImpl>();
  router_->SetSelf({"manager", kClusterId, {"swarm-manager"}});
  target_ = std::make_shared<TaggedTarget>(*router_);
  auto listening = network_.Listen(manager_machine_, kAddress, target_);
  ASSERT_TRUE(listening.ok()) << listening.status();
  listening_ = std::move(*listening);
  manager_loop_ = manager_runtime_->NewLoop("node", LoopKind::kBlocking);
  auto made = host::MakePluginHost(
      {Logger(), manager_runtime_.get(), manager_network_.get(), router_.get()},
      Plugins(registry_,
              "plugins: {ca: {use: none}, control: [], executor: [], agent: "
              "{use: none}}",
              {"consensus", "store", "proxy", "dispatcher", "components"}),
      *manager_loop_);
  ASSERT_TRUE(made.ok()) << made.status();
  manager_ = std::move(*made);
}

void Cluster::StartManager() {
  NodeInfo info;
  info.node_id = "manager";
  info.cluster_id = kClusterId;
  info.hostname = "manager";
  info.state_dir = "/state";
  info.advertise_address = kAddress;
  info.log_key = std::string(32, 'k');
  std::optional<Status> started;
  manager_loop_->Post([&] {
    manager_->manager().Start(info, [&](Status status) { started = std::move(status); });
  });
  ASSERT_TRUE(simulation_.RunUntil([&] { return started.has_value(); }, kPatience));
  ASSERT_TRUE(started->ok()) << *started;
  store_ = manager_->manager().FindAs<Store>(kStoreRole);
  router_->SetProxy(manager_->manager().FindAs<Proxy>(kProxyRole));
  leadership_ =
      store_->WatchLeadership(*manager_loop_, [this, info](std::optional<LeaderEpoch> epoch) {
        if (!epoch) {
          leader_running_ = false;
          return manager_->leader().Stop([] {});
        }
        manager_->leader().Start(info, [this](const Status& status) {
          if (status.code() == Code::kCancelled) return;
          EXPECT_TRUE(status.ok()) << status;
          leader_running_ = status.ok();
        });
      });
  ASSERT_TRUE(simulation_.RunUntil([&] { return leading(); }, kPatience));
}

bool Cluster::leading() { return leader_running_ && store_->CurrentWriter().ok(); }

void Cluster::StopManager() {
  bool stopped = false;
  leadership_.reset();
  manager_loop_->Post(
      [&] { manager_->leader().Stop([&] { manager_->manager().Stop([&] { stopped = true; }); }); });
  EXPECT_TRUE(simulation_.RunUntil([&] { return stopped; }, kPatience));
  leader_running_ = false;
  store_ = nullptr;
}

void Cluster::CycleManager() {
  StopManager();
  StartManager();
}

void Cluster::CrashManager() {
  manager_machine_.Crash();
  leadership_.reset();
  listening_.reset();
  leader_running_ = false;
  store_ = nullptr;
  // A killed process runs no destructors: what was its own stays where it was, for good.
  struct Dead {
    std::unique_ptr<Runtime> runtime;
    std::unique_ptr<Network> network;
    std::unique_ptr<rpc::RouterImpl> router;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<host::PluginHost> host;
  };
  static auto* const graveyard = new std::vector<Dead>;
  graveyard->push_back({std::move(manager_runtime_), std::move(manager_network_),
                        std::move(router_), std::move(manager_loop_), std::move(manager_)});
  MakeManager();
  StartManager();
}

Status Cluster::Update(TransactionFn fn) {
  auto writer = store_->CurrentWriter();
  if (!writer.ok()) return writer.status();
  std::optional<Status> done;
  (*writer)->Update(std::move(fn), [&](Result<Index> result) { done = result.status(); });
  if (!simulation_.RunUntil([&] { return done.has_value(); }, kPatience)) {
    return {Code::kDeadlineExceeded, "the update never ended"};
  }
  return *done;
}

void Cluster::AddNodes() {
  const Status status = Update([this](Transaction& tx) -> Status {
    auto cluster = std::make_shared<pb::Cluster>();
    cluster->set_id(kClusterId);
    cluster->mutable_spec()->mutable_annotations()->set_name("default");
    cluster->mutable_spec()->mutable_orchestration()->set_task_history_retention_limit(5);
    SWARM_RETURN_IF_ERROR(tx.Create(cluster));
    for (int i = 0; i < options_.agents; ++i) {
      auto node = std::make_shared<pb::Node>();
      node->set_id(NodeName(i));
      node->mutable_spec()->set_membership(pb::NodeSpec::ACCEPTED);
      node->mutable_certificate()->mutable_status()->set_state(pb::IssuanceStatus::ISSUED);
      SWARM_RETURN_IF_ERROR(tx.Create(node));
    }
    return Status::Ok();
  });
  EXPECT_TRUE(status.ok()) << status;
}

void Cluster::StartAgents(int first, int last) {
  int running = 0;
  workers_.resize(static_cast<std::size_t>(last));
  worker_loop_->Post([&, first, last] {
    for (int i = first; i < last; ++i) {
      Worker& worker = workers_[static_cast<std::size_t>(i)];
      worker.network =
          network_.Attach(worker_machine_, Identity{NodeName(i), kClusterId, {"swarm-worker"}});
      auto executor_parameters = std::make_unique<ExecutorParameters>();
      executor_parameters->state_dir = "/workers/" + std::to_string(i) + "/sim";
      executor_parameters->hostname = NodeName(i);
      auto executor = workers_host_->MakeInstance("sim", std::move(executor_parameters));
      ASSERT_TRUE(executor.ok()) << executor.status();
      worker.executor = std::move(*executor);
      worker.executor->Start([](const Status& status) { EXPECT_TRUE(status.ok()) << status; });
      auto channel = worker.network->Dial(kAddress, {});
      ASSERT_TRUE(channel.ok()) << channel.status();
      auto parameters = std::make_unique<AgentParameters>();
      parameters->node_id = NodeName(i);
      parameters->hostname = NodeName(i);
      parameters->state_dir = "/workers/" + std::to_string(i) + "/worker";
      parameters->managers = std::make_shared<OneManager>(std::move(*channel));
      parameters->events = std::make_shared<SilentEvents>();
      parameters->executors.emplace_back("sim", static_cast<Executor*>(worker.executor->role()));
      auto agent = workers_host_->MakeInstance("agent", std::move(parameters));
      ASSERT_TRUE(agent.ok()) << agent.status();
      worker.agent = std::move(*agent);
      worker.agent->Start([&running](const Status& status) {
        EXPECT_TRUE(status.ok()) << status;
        ++running;
      });
    }
  });
  EXPECT_TRUE(simulation_.RunUntil([&] { return running == last - first; }, kPatience));
}

void Cluster::StopAgents() {
  std::size_t stopped = 0;
  const std::size_t expected = workers_.size() * 2;
  worker_loop_->Post([&] {
    for (Worker& worker : workers_) {
      worker.agent->Stop([&stopped, executor = worker.executor.get()] {
        ++stopped;
        executor->Stop([&stopped] { ++stopped; });
      });
    }
  });
  EXPECT_TRUE(simulation_.RunUntil([&] { return stopped == expected; }, kPatience));
  workers_.clear();
}

std::string Cluster::CreateService(const std::string& name, std::uint64_t replicas) {
  std::string id = "service-" + name;
  const Status status = Update([&](Transaction& tx) {
    auto service = std::make_shared<pb::Service>();
    service->set_id(id);
    service->mutable_spec_version();
    auto* spec = service->mutable_spec();
    spec->mutable_annotations()->set_name(name);
    auto* container = spec->mutable_task()->mutable_container();
    container->set_image("registry.example.com/team/application:1.2.3");
    container->add_args("serve");
    container->add_env("MODE=production");
    spec->mutable_task()->mutable_restart()->set_condition(pb::RestartPolicy::ANY);
    spec->mutable_replicated()->set_replicas(replicas);
    return tx.Create(service);
  });
  EXPECT_TRUE(status.ok()) << status;
  return id;
}

Status Cluster::RemoveService(const std::string& id) {
  return Update([&](Transaction& tx) { return tx.Remove<pb::Service>(id); });
}

Status Cluster::Scale(const std::string& id, std::uint64_t replicas) {
  return Update([&](Transaction& tx) {
    auto service = std::make_shared<pb::Service>(*tx.Get<pb::Service>(id));
    service->mutable_spec()->mutable_replicated()->set_replicas(replicas);
    return tx.Update(service);
  });
}

int Cluster::CountTasks(pb::TaskState state) const {
  int count = 0;
  const Status status = store_->Read()->FindTasks(By::TaskState(state), [&](const TaskPtr& task) {
    count += task->desired_state == pb::RUNNING ? 1 : 0;
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return count;
}

}  // namespace swarm::test
