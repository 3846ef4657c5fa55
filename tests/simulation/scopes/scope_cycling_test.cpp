// One process is promoted, elected, deposed and demoted a hundred times, with every plugin of a
// manager, and a thousand agents come and go in it.
#include <gtest/gtest.h>

#include "config/config.h"
#include "host/host.h"
#include "host/registry.h"
#include "rigs.h"
#include "rpc/router.h"
#include "swarm/agent.h"
#include "swarm/ca.h"
#include "swarm/store.h"

extern "C" const swarm::PluginDescriptor swarm_plugin_standalone, swarm_plugin_store,
    swarm_plugin_proxy_direct, swarm_plugin_dispatcher, swarm_plugin_controlapi, swarm_plugin_ca,
    swarm_plugin_orchestrator, swarm_plugin_scheduler, swarm_plugin_allocator, swarm_plugin_agent,
    swarm_plugin_executor_sim, swarm_plugin_logbroker, swarm_plugin_keymanager, swarm_plugin_gossip,
    swarm_plugin_rolemanager;

namespace swarm::test {
namespace {

class NoNetwork final : public Network {
 public:
  Result<std::shared_ptr<Channel>> Dial(std::string_view, DialOptions) noexcept override {
    return Status(Code::kUnavailable, "no network here");
  }
};

// An agent that finds no manager tries again and again.
class NoManagers final : public ManagerSource {
 public:
  std::shared_ptr<Channel> Select() noexcept override { return nullptr; }
  void Report(const std::shared_ptr<Channel>&, bool) noexcept override {}
  void SetManagers(std::vector<Peer>) noexcept override {}
};

class SilentEvents final : public AgentEvents {
 public:
  void OnSession() noexcept override {}
  void OnNode(const pb::Node&) noexcept override {}
  void OnRootCa(const std::string&) noexcept override {}
};

class ScopeCyclingTest : public testing::TestWithParam<RigFactory> {
 protected:
  ScopeCyclingTest()
      : rig_(GetParam().make()), loop_(rig_->runtime().NewLoop("node", LoopKind::kBlocking)) {
    for (const PluginDescriptor* plugin :
         {&swarm_plugin_standalone, &swarm_plugin_store, &swarm_plugin_proxy_direct,
          &swarm_plugin_dispatcher, &swarm_plugin_controlapi, &swarm_plugin_ca,
          &swarm_plugin_orchestrator, &swarm_plugin_scheduler, &swarm_plugin_allocator,
          &swarm_plugin_keymanager, &swarm_plugin_rolemanager, &swarm_plugin_gossip,
          &swarm_plugin_logbroker, &swarm_plugin_agent, &swarm_plugin_executor_sim}) {
      const Status added = registry_.Add(*plugin);
      EXPECT_TRUE(added.ok()) << added;
    }
    config::LoadResult loaded =
        config::Load("", "built-in", {{"--executor", "plugins.executor", "sim"}},
                     [this](std::string_view name, const std::vector<std::string>& path) {
                       return registry_.Load(name, path);
                     });
    for (const std::string& error : loaded.errors) ADD_FAILURE() << error;
    auto made = host::MakePluginHost({Logger(), &rig_->runtime(), &network_, &router_},
                                     std::move(loaded.config.plugins), *loop_);
    EXPECT_TRUE(made.ok()) << made.status();
    host_ = std::move(*made);
  }
  ~ScopeCyclingTest() override {
    // The host's instances are gone; what is left of it goes on its own loop.
    (void)rig_->Run(*loop_, [this](Function<void()> done) {
      host_.reset();
      done();
    });
    loop_->Stop();
  }

  void Start(host::ScopeRunner& scope) {
    Status status(Code::kDeadlineExceeded, "the start never ended");
    const bool over = rig_->Run(*loop_, [&](Function<void()> done) {
      scope.Start(info_, [&status, done = std::move(done)](Status result) mutable {
        status = std::move(result);
        done();
      });
    });
    ASSERT_TRUE(over);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Stop(host::ScopeRunner& scope) {
    ASSERT_TRUE(rig_->Run(*loop_, [&](Function<void()> done) { scope.Stop(std::move(done)); }));
  }
  // As the node life cycle does, before the first promotion.
  void LoadIdentity() {
    Status status;
    ASSERT_TRUE(rig_->Run(*loop_, [&](Function<void()> done) {
      status = ReadIdentity();
      done();
    }));
    ASSERT_TRUE(status.ok()) << status;
  }
  Status ReadIdentity() {
    auto* provider = host_->node().FindAs<IdentityProvider>(kIdentityRole);
    if (provider == nullptr) return {Code::kNotFound, "no identity"};
    IdentityRequest request;
    request.state_dir = rig_->folder();
    SWARM_ASSIGN_OR_RETURN(NodeIdentity identity, provider->LoadOrCreate(request));
    SWARM_ASSIGN_OR_RETURN(const LogKeys keys, provider->LoadLogKeys(request));
    info_.node_id = identity.node_id;
    info_.cluster_id = identity.cluster_id;
    info_.hostname = "m1";
    info_.state_dir = request.state_dir;
    info_.advertise_address = "127.0.0.1:4242";
    info_.root_certificate_pem = identity.credentials->roots_pem;
    info_.root_key_pem = identity.root_key_pem;
    info_.log_key = keys.current;
    router_.SetSelf({identity.node_id, identity.cluster_id, {"swarm-manager"}});
    return Status::Ok();
  }
  void WaitForLeadership() {
    auto subscription = std::make_shared<std::unique_ptr<Subscription>>();
    ASSERT_TRUE(rig_->Run(*loop_, [&](Function<void()> done) {
      auto* store = host_->manager().FindAs<Store>(kStoreRole);
      auto pending = std::make_shared<Function<void()>>(std::move(done));
      *subscription = store->WatchLeadership(*loop_, [pending](std::optional<LeaderEpoch> epoch) {
        if (epoch && *pending) std::exchange(*pending, nullptr)();
      });
    }));
    ASSERT_TRUE(rig_->Run(*loop_, [subscription](Function<void()> done) {
      subscription->reset();
      done();
    }));
  }

  const std::unique_ptr<Rig> rig_;
  NoNetwork network_;
  rpc::RouterImpl router_;
  host::PluginRegistry registry_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<host::PluginHost> host_;
  NodeInfo info_;
};

TEST_P(ScopeCyclingTest, HundredPromotionsElectionsAndBack) {
  ASSERT_NO_FATAL_FAILURE(Start(host_->node()));
  ASSERT_NO_FATAL_FAILURE(LoadIdentity());
  int threads = 0;
  for (int cycle = 0; cycle < 100; ++cycle) {
    ASSERT_NO_FATAL_FAILURE(Start(host_->manager())) << "cycle " << cycle;
    ASSERT_NO_FATAL_FAILURE(WaitForLeadership()) << "cycle " << cycle;
    ASSERT_NO_FATAL_FAILURE(Start(host_->leader())) << "cycle " << cycle;
    ASSERT_NO_FATAL_FAILURE(Stop(host_->leader()));
    ASSERT_NO_FATAL_FAILURE(Stop(host_->manager()));
    info_.root_key_pem.clear();  // only the first start makes the cluster
    // Some loops make their thread when first used.
    if (cycle == 9) threads = rig_->threads();
  }
  EXPECT_LE(rig_->threads(), threads);
  ASSERT_NO_FATAL_FAILURE(Stop(host_->node()));
}

TEST_P(ScopeCyclingTest, LeadershipLostWhileStarting) {
  ASSERT_NO_FATAL_FAILURE(Start(host_->node()));
  ASSERT_NO_FATAL_FAILURE(LoadIdentity());
  ASSERT_NO_FATAL_FAILURE(Start(host_->manager()));
  ASSERT_NO_FATAL_FAILURE(WaitForLeadership());
  for (int cycle = 0; cycle < 100; ++cycle) {
    Status status;
    ASSERT_TRUE(rig_->Run(*loop_, [&](Function<void()> done) {
      host_->leader().Start(info_, [&status](Status result) { status = std::move(result); });
      host_->leader().Stop(std::move(done));
    }));
    EXPECT_EQ(status.code(), Code::kCancelled);
  }
  ASSERT_NO_FATAL_FAILURE(Stop(host_->manager()));
  ASSERT_NO_FATAL_FAILURE(Stop(host_->node()));
}

TEST_P(ScopeCyclingTest, ThousandAgentsComeAndGo) {
  constexpr int kAgents = 1000;
  std::unique_ptr<Instance> executor;
  std::vector<std::unique_ptr<Instance>> agents;
  int started = 0;
  ASSERT_TRUE(rig_->Run(*loop_, [&](Function<void()> done) {
    auto made = host_->MakeInstance("sim", std::make_unique<ExecutorParameters>());
    ASSERT_TRUE(made.ok()) << made.status();
    executor = std::move(*made);
    executor->Start([](const Status&) {});
    auto pending = std::make_shared<Function<void()>>(std::move(done));
    auto left = std::make_shared<int>(kAgents);
    for (int i = 0; i < kAgents; ++i) {
      auto parameters = std::make_unique<AgentParameters>();
      parameters->node_id = "node-" + std::to_string(i);
      parameters->state_dir = rig_->folder() + "/agent-" + std::to_string(i);
      parameters->managers = std::make_shared<NoManagers>();
      parameters->events = std::make_shared<SilentEvents>();
      parameters->executors = {{"sim", static_cast<Executor*>(executor->role())}};
      auto agent = host_->MakeInstance("agent", std::move(parameters));
      ASSERT_TRUE(agent.ok()) << agent.status();
      agents.push_back(std::move(*agent));
      agents.back()->Start([this, left, pending, &started](const Status& status) {
        loop_->Post([left, pending, &started, ok = status.ok()] {
          started += ok ? 1 : 0;
          if (--*left == 0) (*pending)();
        });
      });
    }
  }));
  EXPECT_EQ(started, kAgents);
  for (auto& agent : agents) {
    ASSERT_TRUE(rig_->Run(*loop_, [&](Function<void()> done) { agent->Stop(std::move(done)); }));
  }
  ASSERT_TRUE(rig_->Run(*loop_, [&](Function<void()> done) { executor->Stop(std::move(done)); }));
  ASSERT_TRUE(rig_->Run(*loop_, [&](Function<void()> done) {
    agents.clear();
    executor.reset();
    done();
  }));
}

INSTANTIATE_TEST_SUITE_P(Both, ScopeCyclingTest,
                         testing::Values(RigFactory{"virtual", &MakeVirtualRig},
                                         RigFactory{"threads", &MakeThreadedRig}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace swarm::test
