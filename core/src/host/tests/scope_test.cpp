#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/host.h"
#include "host/tests/fakes.h"
#include "swarm/fatal.h"
#include "swarm/simulation.h"

namespace swarm::host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Duration kLong = std::chrono::hours(1);

class ScopeTest : public testing::Test {
 protected:
  ScopeTest()
      : machine_(simulation_.AddMachine("m")),
        loop_(machine_.runtime().NewLoop("host", LoopKind::kShared)) {}
  ~ScopeTest() override {
    host_.reset();
    loop_->Stop();
    EXPECT_EQ(world_.alive, 0);
  }

  // consensus <- store <- api; a component that leads; an executor.
  void AddUsual() {
    fakes_.Add("api", "control/1", Scope::kManager, "store/1");
    fakes_.Add("store", "store/1", Scope::kManager, "consensus/1");
    fakes_.Add("raft", "consensus/1", Scope::kManager);
    fakes_.Add("ca", "identity/1", Scope::kNode);
    fakes_.Add("scheduler", "component/1", Scope::kLeader, "store/1,identity/1");
    fakes_.Add("sim", "executor/1", Scope::kInstance);
  }
  PluginHost& MakeHost() {
    Environment environment{Logger(), &machine_.runtime(), &network_, &router_};
    environment.fatal = [this](Status why) { fatal_.push_back(std::move(why)); };
    auto made = MakePluginHost(std::move(environment), fakes_.configured(), *loop_);
    EXPECT_TRUE(made.ok()) << made.status();
    host_ = std::move(*made);
    return *host_;
  }
  // The outcome of a start, once it has one.
  std::shared_ptr<std::optional<Status>> Start(ScopeRunner& scope, NodeInfo node = {}) {
    auto out = std::make_shared<std::optional<Status>>();
    scope.Start(std::move(node), [out](Status status) { *out = std::move(status); });
    return out;
  }
  std::shared_ptr<bool> Stop(ScopeRunner& scope) {
    auto out = std::make_shared<bool>(false);
    scope.Stop([out] { *out = true; });
    return out;
  }
  Status StartAndWait(ScopeRunner& scope, NodeInfo node = {}) {
    const auto out = Start(scope, std::move(node));
    simulation_.RunUntil([&] { return out->has_value(); }, kLong);
    return out->value_or(Status(Code::kDeadlineExceeded, "start never ended"));
  }
  bool StopAndWait(ScopeRunner& scope) {
    const auto out = Stop(scope);
    return simulation_.RunUntil([&] { return *out; }, kLong);
  }
  std::vector<std::string> TakeEvents() { return std::exchange(world_.events, {}); }

  World world_;
  Simulation simulation_{1};
  Machine& machine_;
  std::unique_ptr<Loop> loop_;
  NoNetwork network_;
  NoRouter router_;
  FakeSet fakes_;
  std::unique_ptr<PluginHost> host_;
  std::vector<Status> fatal_;
};

TEST_F(ScopeTest, AnInstanceThatCannotGoOnIsNamed) {
  AddUsual();
  world_.behaviour["raft"].on_create = [](InstanceContext& context) {
    ReportFatal(context, {Code::kDataLoss, "the disk has failed"});
  };
  PluginHost& host = MakeHost();
  ASSERT_EQ(StartAndWait(host.node()), Status::Ok());
  ASSERT_EQ(StartAndWait(host.manager()), Status::Ok());
  ASSERT_EQ(fatal_.size(), 1u);
  EXPECT_EQ(fatal_[0].code(), Code::kDataLoss);
  EXPECT_THAT(fatal_[0].message(), HasSubstr("raft"));
  EXPECT_THAT(fatal_[0].message(), HasSubstr("the disk has failed"));
  EXPECT_TRUE(StopAndWait(host.manager()));
  EXPECT_TRUE(StopAndWait(host.node()));
}

TEST_F(ScopeTest, CreatesAllThenStartsInOrderAndStopsInReverse) {
  AddUsual();
  ScopeRunner& manager = MakeHost().manager();
  EXPECT_EQ(StartAndWait(manager), Status::Ok());
  EXPECT_EQ(manager.state(), ScopeState::kRunning);
  EXPECT_THAT(TakeEvents(), ElementsAre("create raft", "create store", "create api", "start raft",
                                        "start store", "start api"));
  EXPECT_TRUE(StopAndWait(manager));
  EXPECT_EQ(manager.state(), ScopeState::kStopped);
  EXPECT_THAT(TakeEvents(), ElementsAre("stop api", "stop store", "stop raft", "destroy api",
                                        "destroy store", "destroy raft"));
}

TEST_F(ScopeTest, CallbacksComeLaterNeverInsideTheCall) {
  AddUsual();
  ScopeRunner& manager = MakeHost().manager();
  const auto started = Start(manager);
  EXPECT_FALSE(started->has_value());
  simulation_.Settle();
  EXPECT_EQ(*started, Status::Ok());
  const auto stopped = Stop(manager);
  EXPECT_FALSE(*stopped);
  simulation_.Settle();
  EXPECT_TRUE(*stopped);
}

TEST_F(ScopeTest, StoppingTwiceAndWithoutStartIsHarmless) {
  AddUsual();
  ScopeRunner& manager = MakeHost().manager();
  EXPECT_TRUE(StopAndWait(manager));
  EXPECT_THAT(TakeEvents(), IsEmpty());
  ASSERT_EQ(StartAndWait(manager), Status::Ok());
  const auto first = Stop(manager);
  const auto second = Stop(manager);
  simulation_.Settle();
  EXPECT_TRUE(*first);
  EXPECT_TRUE(*second);
}

TEST_F(ScopeTest, StartingTwiceIsRefused) {
  AddUsual();
  ScopeRunner& manager = MakeHost().manager();
  ASSERT_EQ(StartAndWait(manager), Status::Ok());
  EXPECT_EQ(StartAndWait(manager),
            Status(Code::kFailedPrecondition, "scope manager has been started already"));
  EXPECT_TRUE(StopAndWait(manager));
}

TEST_F(ScopeTest, FailedStartStopsWhatWasStartedAndExplains) {
  AddUsual();
  world_.behaviour["store"].start = Status(Code::kDataLoss, "the log is torn");
  ScopeRunner& manager = MakeHost().manager();
  EXPECT_EQ(
      StartAndWait(manager),
      Status(Code::kDataLoss, "f.yaml:2:1: plugin store could not be started: the log is torn"));
  EXPECT_EQ(manager.state(), ScopeState::kStopped);
  EXPECT_THAT(TakeEvents(), ElementsAre("create raft", "create store", "create api", "start raft",
                                        "start store", "stop api", "stop store", "stop raft",
                                        "destroy api", "destroy store", "destroy raft"));
  world_.behaviour["store"].start = Status::Ok();
  EXPECT_EQ(StartAndWait(manager), Status::Ok());
  EXPECT_TRUE(StopAndWait(manager));
}

TEST_F(ScopeTest, EveryFailedFactoryIsReportedButNotWhatFollowsFromIt) {
  AddUsual();
  fakes_.Add("metrics", "component/1", Scope::kManager);
  world_.behaviour["raft"].create = Status(Code::kFailedPrecondition, "no state folder");
  world_.behaviour["metrics"].create = Status(Code::kUnavailable, "no port");
  EXPECT_EQ(StartAndWait(MakeHost().manager()),
            Status(Code::kFailedPrecondition,
                   "f.yaml:3:1: plugin raft could not be created: no state folder\n"
                   "f.yaml:7:1: plugin metrics could not be created: no port"));
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(ScopeTest, StopWhileStartingCancelsTheStart) {
  AddUsual();
  world_.behaviour["store"].never_starts = true;
  ScopeRunner& manager = MakeHost().manager();
  const auto started = Start(manager);
  simulation_.Settle();
  EXPECT_EQ(manager.state(), ScopeState::kStarting);
  TakeEvents();
  EXPECT_TRUE(StopAndWait(manager));
  ASSERT_TRUE(started->has_value());
  EXPECT_EQ((*started)->code(), Code::kCancelled);
  EXPECT_THAT(TakeEvents(), ElementsAre("stop api", "stop store", "stop raft", "destroy api",
                                        "destroy store", "destroy raft"));
  // A callback that comes after all changes nothing.
  world_.kept_starts.front()(Status::Ok());
  simulation_.Settle();
  EXPECT_EQ(manager.state(), ScopeState::kStopped);
}

TEST_F(ScopeTest, StopInTheVeryMomentOfStartingCancels) {
  AddUsual();
  ScopeRunner& manager = MakeHost().manager();
  const auto started = Start(manager);
  EXPECT_TRUE(StopAndWait(manager));
  ASSERT_TRUE(started->has_value());
  EXPECT_EQ((*started)->code(), Code::kCancelled);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(ScopeTest, NextRunWaitsForTheEndOfTheLast) {
  AddUsual();
  world_.behaviour["raft"].never_stops = true;
  ScopeRunner& manager = MakeHost().manager();
  ASSERT_EQ(StartAndWait(manager), Status::Ok());
  const auto stopped = Stop(manager);
  NodeInfo second;
  second.node_id = "second";
  std::string seen;
  world_.behaviour["api"].on_create = [&](InstanceContext& c) { seen = c.node().node_id; };
  const auto started = Start(manager, second);
  simulation_.Settle();
  EXPECT_FALSE(*stopped);
  EXPECT_FALSE(started->has_value());
  world_.behaviour["raft"].never_stops = false;
  world_.kept_stops.front()();
  simulation_.Settle();
  EXPECT_TRUE(*stopped);
  EXPECT_EQ(*started, Status::Ok());
  EXPECT_EQ(seen, "second");
  EXPECT_TRUE(StopAndWait(manager));
}

TEST_F(ScopeTest, RunThatWaitsIsCancelledByStop) {
  AddUsual();
  world_.behaviour["raft"].never_stops = true;
  ScopeRunner& manager = MakeHost().manager();
  ASSERT_EQ(StartAndWait(manager), Status::Ok());
  Stop(manager);
  const auto started = Start(manager);
  const auto stopped = Stop(manager);
  simulation_.Settle();
  ASSERT_TRUE(started->has_value());
  EXPECT_EQ((*started)->code(), Code::kCancelled);
  EXPECT_FALSE(*stopped);
  world_.kept_stops.front()();
  simulation_.Settle();
  EXPECT_TRUE(*stopped);
}

TEST_F(ScopeTest, CallbacksThatComeTwiceCountOnce) {
  AddUsual();
  world_.behaviour["store"].calls_back_twice = true;
  ScopeRunner& manager = MakeHost().manager();
  ASSERT_EQ(StartAndWait(manager), Status::Ok());
  simulation_.Settle();
  EXPECT_TRUE(StopAndWait(manager));
  EXPECT_THAT(TakeEvents(),
              ElementsAre("create raft", "create store", "create api", "start raft", "start store",
                          "start api", "stop api", "stop store", "stop raft", "destroy api",
                          "destroy store", "destroy raft"));
}

TEST_F(ScopeTest, LeaderSeesManagerAndNode) {
  AddUsual();
  std::vector<std::string> seen;
  world_.behaviour["scheduler"].on_create = [&](InstanceContext& context) {
    for (const char* role : {"store/1", "identity/1"}) {
      auto* found = static_cast<FakeInstance*>(context.Find(role));
      seen.push_back(found == nullptr ? "none" : found->name());
    }
    EXPECT_EQ(context.Find("executor/1"), nullptr);
    EXPECT_EQ(context.Find("control/2"), nullptr);
    EXPECT_EQ(context.node().hostname, "h");
  };
  PluginHost& host = MakeHost();
  NodeInfo node;
  node.hostname = "h";
  ASSERT_EQ(StartAndWait(host.node()), Status::Ok());
  ASSERT_EQ(StartAndWait(host.manager(), node), Status::Ok());
  ASSERT_EQ(StartAndWait(host.leader(), node), Status::Ok());
  EXPECT_THAT(seen, ElementsAre("store", "ca"));
  EXPECT_EQ(host.node().Find("store/1"), nullptr);
  for (ScopeRunner* scope : {&host.leader(), &host.manager(), &host.node()})
    EXPECT_TRUE(StopAndWait(*scope));
}

TEST_F(ScopeTest, FindAllFollowsTheConfiguration) {
  fakes_.Add("late", "control/1", Scope::kManager, "x/1");
  fakes_.Add("x", "x/1", Scope::kManager);
  fakes_.Add("outer", "control/1", Scope::kNode);
  fakes_.Add("early", "control/1", Scope::kManager);
  PluginHost& host = MakeHost();
  ASSERT_EQ(StartAndWait(host.node()), Status::Ok());
  ASSERT_EQ(StartAndWait(host.manager()), Status::Ok());
  std::vector<std::string> names;
  for (void* found : host.manager().FindAll("control/1"))
    names.push_back(static_cast<FakeInstance*>(found)->name());
  EXPECT_THAT(names, ElementsAre("late", "outer", "early"));
  for (ScopeRunner* scope : {&host.manager(), &host.node()}) EXPECT_TRUE(StopAndWait(*scope));
}

TEST_F(ScopeTest, HundredCyclesOfEveryScopeLeaveNothing) {
  AddUsual();
  PluginHost& host = MakeHost();
  ASSERT_EQ(StartAndWait(host.node()), Status::Ok());
  TakeEvents();
  for (int cycle = 0; cycle < 100; ++cycle) {
    ASSERT_EQ(StartAndWait(host.manager()), Status::Ok());
    ASSERT_EQ(StartAndWait(host.leader()), Status::Ok());
    EXPECT_EQ(world_.alive, 5);
    ASSERT_TRUE(StopAndWait(host.leader()));
    ASSERT_TRUE(StopAndWait(host.manager()));
    EXPECT_EQ(world_.alive, 1);
    ASSERT_THAT(TakeEvents(),
                ElementsAre("create raft", "create store", "create api", "start raft",
                            "start store", "start api", "create scheduler", "start scheduler",
                            "stop scheduler", "destroy scheduler", "stop api", "stop store",
                            "stop raft", "destroy api", "destroy store", "destroy raft"));
  }
  EXPECT_TRUE(StopAndWait(host.node()));
}

// Leadership that comes and goes faster than a scope can follow.
TEST_F(ScopeTest, FlutteringLeadershipEndsStopped) {
  AddUsual();
  PluginHost& host = MakeHost();
  ASSERT_EQ(StartAndWait(host.node()), Status::Ok());
  ASSERT_EQ(StartAndWait(host.manager()), Status::Ok());
  for (int i = 0; i < 200; ++i) {
    if (simulation_.random().Below(2) == 0) {
      Start(host.leader());
    } else {
      Stop(host.leader());
    }
    for (std::uint64_t step = simulation_.random().Below(6); step > 0; --step) simulation_.Step();
    EXPECT_LE(world_.alive, 5);
  }
  for (ScopeRunner* scope : {&host.leader(), &host.manager(), &host.node()})
    EXPECT_TRUE(StopAndWait(*scope));
}

TEST_F(ScopeTest, ThousandInstancesComeAndGo) {
  AddUsual();
  PluginHost& host = MakeHost();
  std::vector<std::unique_ptr<Instance>> instances;
  for (int i = 0; i < 1000; ++i) {
    auto made = host.MakeInstance("sim", std::make_unique<InstanceParameters>());
    ASSERT_TRUE(made.ok()) << made.status();
    instances.push_back(std::move(*made));
  }
  EXPECT_EQ(world_.alive, 1000);
  EXPECT_EQ(static_cast<FakeInstance*>(instances[7]->role())->name(), "sim");
  instances.clear();
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(ScopeTest, InstanceSeesItsParameters) {
  AddUsual();
  const InstanceParameters* seen = nullptr;
  world_.behaviour["sim"].on_create = [&](InstanceContext& c) { seen = c.parameters(); };
  PluginHost& host = MakeHost();
  auto parameters = std::make_unique<InstanceParameters>();
  const InstanceParameters* given = parameters.get();
  auto made = host.MakeInstance("sim", std::move(parameters));
  EXPECT_TRUE(made.ok());
  EXPECT_EQ(seen, given);
  EXPECT_EQ(
      host.MakeInstance("store", nullptr).status(),
      Status(Code::kNotFound, "no plugin named store with instances of its own is configured"));
}

TEST_F(ScopeTest, DefaultExecutorComesFirst) {
  fakes_.Add("a", "executor/1", Scope::kInstance);
  fakes_.Add("b", "executor/1", Scope::kInstance);
  fakes_.Add("agent", "agent/1", Scope::kInstance);
  fakes_.configured()[1].is_default = true;
  std::vector<std::string> names;
  for (const ConfiguredPlugin* plugin : MakeHost().Executors()) names.push_back(plugin->name);
  EXPECT_THAT(names, ElementsAre("b", "a"));
}

TEST_F(ScopeTest, HostOfPluginsThatDoNotFitIsRefusedBeforeAnythingIsCreated) {
  fakes_.Add("store", "store/1", Scope::kManager, "consensus/1");
  const auto made = MakePluginHost({Logger(), &machine_.runtime(), &network_, &router_},
                                   fakes_.configured(), *loop_);
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(made.status().message(), HasSubstr("requires consensus/1"));
  EXPECT_THAT(TakeEvents(), IsEmpty());
}

}  // namespace
}  // namespace swarm::host
