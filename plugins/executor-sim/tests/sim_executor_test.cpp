#include "sim_executor.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "swarm/simulation.h"

namespace swarm::executor_sim {
namespace {

using namespace std::chrono_literals;

class SimExecutorTest : public testing::Test {
 protected:
  using Labels = std::map<std::string, std::string>;
  void Make(SimOptions options = {}) {
    executor_ = std::make_unique<SimExecutor>(machine_.runtime(), Logger(), std::move(options));
  }
  static pb::Task TaskWith(const std::string& id, const Labels& labels) {
    pb::Task task;
    task.set_id(id);
    auto& container = *task.mutable_spec()->mutable_container();
    for (const auto& [key, value] : labels) (*container.mutable_labels())[key] = value;
    return task;
  }
  std::unique_ptr<Controller> Control(const Labels& labels, const std::string& id = "task") {
    auto made = executor_->NewController(TaskWith(id, labels), nullptr);
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
  StepResult Run(Controller& controller, void (Controller::*method)(StepDone)) {
    std::optional<StepResult> out;
    (controller.*method)([&out](StepResult result) { out = std::move(result); });
    EXPECT_TRUE(sim_.RunUntil([&out] { return out.has_value(); }, 1h));
    return out.value_or(StepResult{});
  }
  Duration Took(Controller& controller, void (Controller::*method)(StepDone)) {
    const SteadyTime begin = sim_.Now();
    EXPECT_TRUE(Run(controller, method).status.ok());
    return sim_.Now() - begin;
  }

  Simulation sim_{1};
  Machine& machine_ = sim_.AddMachine("node");
  std::unique_ptr<SimExecutor> executor_;
};

TEST_F(SimExecutorTest, LabelsSayHowLongEachStepTakes) {
  Make();
  auto task = Control({{"sim.prepare-delay", "3s"},
                       {"sim.start-delay", "250ms"},
                       {"sim.run", "2h"},
                       {"sim.stop-delay", "1.5s"}});
  EXPECT_EQ(Took(*task, &Controller::Prepare), 3s);
  EXPECT_EQ(Took(*task, &Controller::Start), 250ms);
  EXPECT_EQ(Took(*task, &Controller::Shutdown), 1500ms);
}

TEST_F(SimExecutorTest, ATaskRunsAsLongAsItsLabelSays) {
  Make();
  auto task = Control({{"sim.run", "5s"}, {"sim.exit", "3"}});
  ASSERT_TRUE(Run(*task, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(*task, &Controller::Start).status.ok());
  const SteadyTime begin = sim_.Now();
  EXPECT_EQ(Run(*task, &Controller::Wait).exit_code, 3);
  EXPECT_EQ(sim_.Now() - begin, 5s);
}

TEST_F(SimExecutorTest, StepsFailAsTold) {
  Make();
  const auto refused =
      executor_->NewController(TaskWith("t", {{"sim.resolve-error", "no"}}), nullptr);
  EXPECT_EQ(refused.status().message(), "no");
  auto prepare = Control({{"sim.prepare-error", "no image"}}, "a");
  EXPECT_EQ(Run(*prepare, &Controller::Prepare).status.message(), "no image");
  auto stop = Control({{"sim.stop-error", "stuck"}}, "b");
  ASSERT_TRUE(Run(*stop, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(*stop, &Controller::Start).status.ok());
  EXPECT_EQ(Run(*stop, &Controller::Shutdown).status.message(), "stuck");
}

TEST_F(SimExecutorTest, APrepareMayFailForATime) {
  Make();
  auto task = Control({{"sim.prepare-retries", "2"}});
  EXPECT_TRUE(Run(*task, &Controller::Prepare).temporary);
  EXPECT_TRUE(Run(*task, &Controller::Prepare).temporary);
  EXPECT_TRUE(Run(*task, &Controller::Prepare).status.ok());
}

TEST_F(SimExecutorTest, ATaskFallsIll) {
  SimOptions options;
  options.unhealthy_after = 10s;
  Make(options);
  auto task = Control({});
  ASSERT_TRUE(Run(*task, &Controller::Prepare).status.ok());
  ASSERT_TRUE(Run(*task, &Controller::Start).status.ok());
  const SteadyTime begin = sim_.Now();
  EXPECT_EQ(Run(*task, &Controller::Wait).status.message(), "sim: unhealthy container");
  EXPECT_EQ(sim_.Now() - begin, 10s);
}

TEST_F(SimExecutorTest, ABadLabelRejectsTheTaskAndNamesItself) {
  Make();
  const auto refusal = [&](const Labels& labels) {
    return executor_->NewController(TaskWith("t", labels), nullptr).status().message();
  };
  EXPECT_EQ(refusal({{"sim.run", "soon"}}),
            "label sim.run: \"soon\" is not a duration such as 250ms, 1.5s or 2h");
  EXPECT_EQ(refusal({{"sim.exit", "x"}}), "label sim.exit: \"x\" is not a number");
  EXPECT_TRUE(refusal({{"sim.delay", "1s"}}).starts_with("label sim.delay: no such label"));
}

TEST_F(SimExecutorTest, ChanceFollowsTheSettings) {
  SimOptions options;
  options.prepare_failures = 250;
  Make(options);
  int failed = 0;
  for (int i = 0; i < 1000; ++i) {
    auto task = Control({}, "t" + std::to_string(i));
    failed += Run(*task, &Controller::Prepare).status.ok() ? 0 : 1;
  }
  EXPECT_GT(failed, 190);
  EXPECT_LT(failed, 310);
}

TEST_F(SimExecutorTest, DescribesTheNodeItPlays) {
  SimOptions options;
  options.hostname = "big";
  options.cpus = 64;
  options.memory_bytes = 1 << 20;
  options.labels = {{"disk", "ssd"}};
  Make(options);
  std::optional<pb::NodeDescription> node;
  executor_->Describe([&](Result<pb::NodeDescription> result) { node = *std::move(result); });
  sim_.Settle();
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->hostname(), "big");
  EXPECT_EQ(node->resources().nano_cpus(), 64'000'000'000);
  EXPECT_EQ(node->resources().memory_bytes(), 1 << 20);
  EXPECT_EQ(node->engine().labels().at("disk"), "ssd");
}

TEST_F(SimExecutorTest, StopTwiceIsHarmless) {
  Make();
  auto task = Control({});
  ASSERT_TRUE(Run(*task, &Controller::Prepare).status.ok());
  int stopped = 0;
  executor_->Stop([&] { ++stopped; });
  executor_->Stop([&] { ++stopped; });
  EXPECT_EQ(stopped, 2);
}

}  // namespace
}  // namespace swarm::executor_sim
