#include "node/leader_scope.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace swarm::node {
namespace {

// Remembers what was asked of it; the test decides when it is done.
class FakeRunner final : public host::ScopeRunner {
 public:
  void Start(NodeInfo, Function<void(Status)> done) noexcept override {
    calls.emplace_back("start");
    started = std::move(done);
  }
  void Stop(Function<void()> done) noexcept override {
    calls.emplace_back("stop");
    stopped.push_back(std::move(done));
  }
  host::ScopeState state() const noexcept override { return host::ScopeState::kStopped; }
  void* Find(std::string_view) noexcept override { return nullptr; }
  std::vector<void*> FindAll(std::string_view) noexcept override { return {}; }

  void FinishStops() {
    auto waiting = std::move(stopped);
    stopped.clear();
    for (auto& done : waiting) done();
  }

  std::vector<std::string> calls;
  Function<void(Status)> started;
  std::vector<Function<void()>> stopped;
};

class LeaderScopeTest : public ::testing::Test {
 protected:
  using Calls = std::vector<std::string>;

  FakeRunner runner_;
  std::vector<Status> failures_;
  LeaderScope scope_{runner_, Logger(), NodeInfo(),
                     [this](Status why) { failures_.push_back(std::move(why)); }};
};

TEST_F(LeaderScopeTest, TheNextEpochStartsOnlyAfterTheLastHasStopped) {
  scope_.OnLeadership(LeaderEpoch(1));
  scope_.OnLeadership(std::nullopt);
  scope_.OnLeadership(LeaderEpoch(2));
  EXPECT_EQ(runner_.calls, (Calls{"start", "stop"}));
  runner_.FinishStops();
  EXPECT_EQ(runner_.calls, (Calls{"start", "stop", "start"}));
}

TEST_F(LeaderScopeTest, ANewEpochWithoutALossBetweenRestartsToo) {
  scope_.OnLeadership(LeaderEpoch(1));
  scope_.OnLeadership(LeaderEpoch(2));
  runner_.FinishStops();
  EXPECT_EQ(runner_.calls, (Calls{"start", "stop", "start"}));
}

TEST_F(LeaderScopeTest, LeadershipLostBeforeTheStopEndedLeavesItStopped) {
  scope_.OnLeadership(LeaderEpoch(1));
  scope_.OnLeadership(std::nullopt);
  scope_.OnLeadership(LeaderEpoch(2));
  scope_.OnLeadership(std::nullopt);
  runner_.FinishStops();
  EXPECT_EQ(runner_.calls, (Calls{"start", "stop"}));
}

TEST_F(LeaderScopeTest, OnlyAFailureOfTheLastingEpochIsReported) {
  scope_.OnLeadership(LeaderEpoch(1));
  auto first = std::move(runner_.started);
  scope_.OnLeadership(std::nullopt);
  first({Code::kCancelled, "stopped first"});
  EXPECT_TRUE(failures_.empty());
  runner_.FinishStops();
  scope_.OnLeadership(LeaderEpoch(2));
  runner_.started({Code::kInternal, "broken"});
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(failures_[0].message(), "broken");
}

TEST_F(LeaderScopeTest, AfterStopNothingStartsAgain) {
  scope_.OnLeadership(LeaderEpoch(1));
  bool done = false;
  scope_.Stop([&] { done = true; });
  scope_.OnLeadership(LeaderEpoch(2));
  EXPECT_FALSE(done);
  runner_.FinishStops();
  EXPECT_TRUE(done);
  EXPECT_EQ(runner_.calls, (Calls{"start", "stop"}));
}

TEST_F(LeaderScopeTest, StoppingWhatNeverLedIsDoneAtOnce) {
  bool done = false;
  scope_.Stop([&] { done = true; });
  EXPECT_TRUE(done);
  EXPECT_TRUE(runner_.calls.empty());
}

}  // namespace
}  // namespace swarm::node
