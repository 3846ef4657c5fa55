#include "host/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/nearest.h"
#include "host/tests/fakes.h"

namespace swarm::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PlanTest : public testing::Test {
 protected:
  std::vector<std::string> Errors() { return CheckPlugins(fakes_.configured(), available_); }
  std::vector<std::string> Order(Scope scope) {
    const Plan plan = MakePlan(fakes_.configured(), {});
    EXPECT_THAT(plan.errors, IsEmpty());
    std::vector<std::string> names;
    for (const PlannedUnit& unit : plan.of(scope)) names.push_back(unit.configured->name);
    return names;
  }

  FakeSet fakes_;
  std::vector<const PluginDescriptor*> available_;
};

TEST_F(PlanTest, ProvidersComeBeforeUsersElseAsConfigured) {
  fakes_.Add("api", "control/1", Scope::kManager, "store/1, proxy/1");
  fakes_.Add("store", "store/1", Scope::kManager, "consensus/1");
  fakes_.Add("metrics", "component/1", Scope::kManager);
  fakes_.Add("raft", "consensus/1", Scope::kManager);
  fakes_.Add("proxy", "proxy/1", Scope::kManager, "consensus/1");
  EXPECT_THAT(Order(Scope::kManager), ElementsAre("metrics", "raft", "store", "proxy", "api"));
}

TEST_F(PlanTest, AfterOrdersWhatIsPresentAndIgnoresTheRest) {
  fakes_.Add("scheduler", "component/1", Scope::kLeader, "", "allocator,ghost");
  fakes_.Add("allocator", "component/1", Scope::kLeader);
  EXPECT_THAT(Order(Scope::kLeader), ElementsAre("allocator", "scheduler"));
}

TEST_F(PlanTest, EachUnitGoesToItsScope) {
  fakes_.Add("ca", {{"identity/1", Scope::kNode, "", "", &CreateFake},
                    {"component/1", Scope::kLeader, "store/1,identity/1", "", &CreateFake}});
  fakes_.Add("store", "store/1", Scope::kManager);
  EXPECT_THAT(Order(Scope::kNode), ElementsAre("ca"));
  EXPECT_THAT(Order(Scope::kManager), ElementsAre("store"));
  EXPECT_THAT(Order(Scope::kLeader), ElementsAre("ca"));
}

TEST_F(PlanTest, GapNamesWhoNeedsWhatAndWhoHasIt) {
  fakes_.Add("store", "store/1", Scope::kManager, "consensus/1");
  available_ = {fakes_.Available("standalone", "consensus/1", Scope::kManager),
                fakes_.Available("raft", "consensus/1", Scope::kManager)};
  EXPECT_THAT(Errors(),
              ElementsAre("f.yaml:1:1: plugin store (scope manager) requires consensus/1, which no "
                          "configured plugin provides; available: raft, standalone"));
}

TEST_F(PlanTest, GapThatNothingCanFillSaysSo) {
  fakes_.Add("store", "store/1", Scope::kManager, "consensus/1");
  EXPECT_THAT(Errors(), ElementsAre("f.yaml:1:1: plugin store (scope manager) requires "
                                    "consensus/1, which no configured plugin provides"));
  available_ = {fakes_.Available("sim", "executor/1", Scope::kInstance)};
  EXPECT_THAT(Errors(),
              ElementsAre("f.yaml:1:1: plugin store (scope manager) requires consensus/1, which no "
                          "configured plugin provides, nor any plugin in the plugin folders"));
}

TEST_F(PlanTest, OtherVersionOfARoleIsAGap) {
  fakes_.Add("store", "store/1", Scope::kManager);
  fakes_.Add("api", "control/1", Scope::kManager, "store/2");
  EXPECT_THAT(Errors(), ElementsAre("f.yaml:2:1: plugin api (scope manager) requires store/2, but "
                                    "plugin store provides store/1"));
}

TEST_F(PlanTest, RoleOfAScopeThatLivesShorterIsAGap) {
  fakes_.Add("web", "component/1", Scope::kNode, "store/1");
  fakes_.Add("store", "store/1", Scope::kManager);
  EXPECT_THAT(Errors(), ElementsAre("f.yaml:1:1: plugin web (scope node) requires store/1, which "
                                    "plugin store provides only in scope manager"));
}

TEST_F(PlanTest, InstancesAreNotFoundByRole) {
  fakes_.Add("sim", "executor/1", Scope::kInstance);
  fakes_.Add("agent", "agent/1", Scope::kInstance, "executor/1");
  EXPECT_THAT(Errors(),
              ElementsAre("f.yaml:2:1: plugin agent (scope instance) requires executor/1, which "
                          "plugin sim provides only in scope instance"));
}

TEST_F(PlanTest, CycleOfRequirementsIsPrinted) {
  fakes_.Add("first", "component/1", Scope::kManager, "b/1");
  fakes_.Add("a", "a/1", Scope::kManager, "c/1");
  fakes_.Add("b", "b/1", Scope::kManager, "a/1");
  fakes_.Add("c", "c/1", Scope::kManager, "", "b");
  EXPECT_THAT(Errors(),
              ElementsAre("plugins of scope manager wait for each other in a circle: b requires "
                          "a/1 of a, a requires c/1 of c, c starts after b"));
}

TEST_F(PlanTest, PluginThatNeedsItselfIsACycle) {
  fakes_.Add("a", "a/1", Scope::kManager, "a/1");
  EXPECT_THAT(Errors(), ElementsAre("plugins of scope manager wait for each other in a circle: a "
                                    "requires a/1 of a"));
}

TEST_F(PlanTest, SecondProviderOfASingleRoleIsRefused) {
  fakes_.Add("raft", "consensus/1", Scope::kManager);
  fakes_.Add("standalone", "consensus/1", Scope::kManager);
  EXPECT_THAT(Errors(),
              ElementsAre("f.yaml:2:1: plugin standalone provides consensus/1, which plugin raft "
                          "(f.yaml:1:1) provides already; a node has one consensus"));
}

TEST_F(PlanTest, ManyControlsAndExecutorsAreFine) {
  fakes_.Add("api", "control/1", Scope::kManager);
  fakes_.Add("docker-api", "control/1", Scope::kManager);
  fakes_.Add("sim", "executor/1", Scope::kInstance);
  fakes_.Add("process", "executor/1", Scope::kInstance);
  EXPECT_THAT(Errors(), IsEmpty());
}

TEST_F(PlanTest, NameUsedTwiceIsRefused) {
  fakes_.Add("scheduler", "component/1", Scope::kLeader);
  fakes_.Add("scheduler", "component/1", Scope::kLeader);
  EXPECT_THAT(Errors(), ElementsAre("f.yaml:2:1: plugin scheduler is named twice; the first time "
                                    "at f.yaml:1:1"));
}

TEST_F(PlanTest, EveryErrorIsReported) {
  fakes_.Add("store", "store/1", Scope::kManager, "consensus/1");
  fakes_.Add("store2", "store/1", Scope::kManager, "consensus/1");
  EXPECT_EQ(Errors().size(), 3u);
}

TEST(NearestTest, SuggestsWhatIsAlikeAndNothingElse) {
  const std::vector<std::string> names = {"hostname", "state_dir", "on_stop"};
  EXPECT_EQ(Nearest("hostnam", names), "hostname");
  EXPECT_EQ(Nearest("hsotname", names), "hostname");
  EXPECT_EQ(Nearest("statedir", names), "state_dir");
  EXPECT_EQ(Nearest("colour", names), "");
  EXPECT_EQ(Nearest("xy", {"ab"}), "");
}

TEST(NearestTest, SwapOfNeighboursCountsOnce) {
  EXPECT_EQ(EditDistance("ab", "ba"), 1u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
}

}  // namespace
}  // namespace swarm::host
