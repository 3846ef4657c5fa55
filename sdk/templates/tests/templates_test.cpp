// The templates keep the contracts of their roles: the conformance suites run on them as on every
// plugin that ships.
#include <gtest/gtest.h>

#include "conformance/consensus_suite.h"
#include "conformance/executor_suite.h"
#include "fakes/instance_context.h"
#include "swarm/simulation.h"

extern "C" const swarm::PluginDescriptor swarm_plugin_consensus_template;
extern "C" const swarm::PluginDescriptor swarm_plugin_executor_template;

namespace swarm {
namespace {

// An instance with the context it borrows.
class Made final : public Instance {
 public:
  Made(Runtime& runtime, const PluginDescriptor& plugin, NodeInfo node) : context_(runtime) {
    context_.values = fakes::SettingReader::Read({plugin.settings, plugin.setting_count});
    context_.node_info = std::move(node);
    instance_ = std::move(*plugin.units[0].create(context_));
  }
  void* role() noexcept override { return instance_->role(); }
  void Start(Function<void(Status)> done) noexcept override { instance_->Start(std::move(done)); }
  void Stop(Function<void()> done) noexcept override { instance_->Stop(std::move(done)); }

 private:
  fakes::FakeContext context_;
  std::unique_ptr<Instance> instance_;
};

class TimerRig final : public conformance::VirtualRig {
 public:
  TimerRig() : made_(simulation_.AddMachine("node").runtime(), swarm_plugin_executor_template, {}) {
    made_.Start([](const Status& status) { EXPECT_TRUE(status.ok()); });
  }
  ~TimerRig() override {
    bool stopped = false;
    made_.Stop([&stopped] { stopped = true; });
    EXPECT_TRUE(Until([&] { return stopped; }));
  }
  Executor& executor() override { return *static_cast<Executor*>(made_.role()); }
  bool Restart() override { return false; }
  void RunForever(pb::ContainerSpec& container) override { container.add_command("run"); }
  void ExitWith(pb::ContainerSpec& container, int code) override {
    for (const std::string& word : {std::string("sleep"), std::string("1"), std::to_string(code)})
      container.add_command(word);
  }
  void IgnoreStop(pb::ContainerSpec& container) override { container.add_command("stubborn"); }
  void FailToStart(pb::ContainerSpec& container) override { container.add_command("fail"); }
  bool Until(const std::function<bool()>& condition) override {
    return simulation_.RunUntil(condition, std::chrono::minutes(1));
  }

 private:
  Simulation simulation_{3};
  Made made_;
};

std::unique_ptr<Instance> MakeConsensus(Runtime& runtime,
                                        const conformance::ConsensusSetup& setup) {
  return std::make_unique<Made>(runtime, swarm_plugin_consensus_template, setup.node);
}

}  // namespace

namespace conformance {

INSTANTIATE_TEST_SUITE_P(Template, ConsensusSuite,
                         testing::Values(ConsensusFactory{"template", &MakeConsensus}));
INSTANTIATE_TEST_SUITE_P(Template, ExecutorSuite,
                         testing::Values(ExecutorFactory{
                             "template", [] { return std::make_unique<TimerRig>(); }}));
// Its log does not outlive the process.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ConsensusDurabilitySuite);

}  // namespace conformance
}  // namespace swarm
