#include <optional>

#include "conformance/executor_suite.h"
#include "sim_executor.h"
#include "swarm/simulation.h"

namespace swarm::executor_sim {
namespace {

using namespace std::chrono_literals;

class SimRig final : public conformance::VirtualRig {
 public:
  SimRig() : sim_(7), executor_(sim_.AddMachine("node").runtime(), Logger(), Options()) {
    executor_.Start([](const Status& status) { EXPECT_TRUE(status.ok()); });
  }
  ~SimRig() override {
    executor_.Stop([] {});
    executor_.Stop([] {});
  }
  Executor& executor() override { return executor_; }
  bool Restart() override { return false; }
  void RunForever(pb::ContainerSpec&) override {}
  void ExitWith(pb::ContainerSpec& container, int code) override {
    (*container.mutable_labels())["sim.run"] = "1s";
    (*container.mutable_labels())["sim.exit"] = std::to_string(code);
  }
  void IgnoreStop(pb::ContainerSpec& container) override {
    (*container.mutable_labels())["sim.stop-delay"] = "1000h";
  }
  void FailToStart(pb::ContainerSpec& container) override {
    (*container.mutable_labels())["sim.start-error"] = "no such program";
  }
  bool Until(const std::function<bool()>& condition) override {
    return sim_.RunUntil(condition, 1min);
  }

 private:
  static SimOptions Options() {
    SimOptions options;
    options.prepare = {10ms, 20ms};
    options.start = {10ms, 20ms};
    options.stop = {10ms, 20ms};
    return options;
  }
  Simulation sim_;
  SimExecutor executor_;
};

using conformance::ExecutorFactory;
using conformance::ExecutorSuite;
INSTANTIATE_TEST_SUITE_P(Sim, ExecutorSuite,
                         testing::Values(ExecutorFactory{
                             "sim", [] { return std::make_unique<SimRig>(); }}));

}  // namespace
}  // namespace swarm::executor_sim
