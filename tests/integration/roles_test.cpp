// Managers become workers and workers managers while they run, and nothing they run notices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "role_group.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;

class RolesTest : public testing::Test {
 protected:
  void TearDown() override {
    if (!ender_.empty()) RemoveServices(group_[ender_]);
  }

  bool ThreeManagers() {
    for (const char* name : {"m1", "m2", "m3"}) {
      if (!group_.Add(name)) return false;
    }
    ender_ = "m1";
    return group_.Shows("m1", "m2", "REACHABLE") && group_.Shows("m1", "m3", "REACHABLE");
  }
  // One task on each node that matches; whether so many run.
  bool Everywhere(const std::string& through, std::size_t count) {
    const Finished created =
        group_.Ctl(through, {"service", "create", "--name", "job", "--image", "none", "--mode",
                             "global", "--args", "sleep,100000"});
    EXPECT_EQ(created.code, 0) << created.err;
    return Run(through, count);
  }
  bool Run(const std::string& through, std::size_t count) {
    return Eventually([&] { return group_[through].TasksIn("RUNNING") == static_cast<int>(count); },
                      60s);
  }
  // Also those that have ended: a task that was replaced would show.
  std::set<std::string> Tasks(const std::string& through) {
    std::istringstream ids(group_.Ctl(through, {"task", "ls", "--all", "-q"}).out);
    std::set<std::string> all;
    for (std::string id; ids >> id;) all.insert(id);
    return all;
  }
  std::string KeyFile(const std::string& name) {
    return ReadText(group_[name].state() + "/certificates/swarm-node.key");
  }
  bool HasLog(const std::string& name) {
    return std::filesystem::exists(group_[name].state() + "/raft");
  }
  // It works on as a worker, and has forgotten that it was a manager.
  void ExpectWorker(const std::string& through, const std::string& name) {
    EXPECT_TRUE(group_.Shows(through, name, "")) << group_.logs();
    EXPECT_TRUE(Eventually([&] { return !HasLog(name); }, 60s)) << group_[name].log();
    EXPECT_TRUE(Eventually([&] { return KeyFile(name).find("raft-dek") == std::string::npos; }));
    EXPECT_TRUE(Eventually([&] { return group_.StateOf(through, name) == "READY"; }, 60s))
        << group_[name].log();
    EXPECT_NE(group_.Ctl(name, {"node", "ls"}).code, 0) << "no control API on a worker";
  }
  void ExpectManager(const std::string& through, const std::string& name) {
    EXPECT_TRUE(group_.Shows(through, name, "REACHABLE")) << group_.logs();
    EXPECT_TRUE(Eventually([&] { return group_.StateOf(through, name) == "READY"; }, 60s));
    EXPECT_TRUE(Eventually(
        [&] {
          return group_.Ctl(name, {"node", "ls"}).code == 0;
        },
        60s))
        << group_[name].log();
  }

  RoleGroup group_;
  std::string ender_;  // who removes the services at the end
};

// Pinned by SwarmKit: any manager can be demoted and promoted again, the leader too.
TEST_F(RolesTest, AnyManagerIsDemotedAndPromotedWhileItsTasksRunOn) {
  ASSERT_TRUE(ThreeManagers()) << group_.logs();
  ASSERT_TRUE(Everywhere("m1", 3)) << group_.logs();
  const auto tasks = Tasks("m1");

  ASSERT_EQ(group_.Leader("m1"), "m1");
  ASSERT_EQ(group_.Ctl("m1", {"node", "demote", "m2"}).code, 0);
  ExpectWorker("m1", "m2");
  ASSERT_EQ(group_.Ctl("m1", {"node", "promote", "m2"}).code, 0);
  ExpectManager("m1", "m2");
  // It may not have had a worker's certificate yet. It does not wait for one that never comes.
  EXPECT_THAT(group_["m2"].log(), testing::Not(HasSubstr("no worker's certificate has come")));

  // The leader hands over, and the one that leads then finishes it.
  const Finished demoted = group_.Ctl("m1", {"node", "demote", "m1"});
  ASSERT_EQ(demoted.code, 0) << demoted.err;
  ender_ = "m2";
  ExpectWorker("m2", "m1");
  EXPECT_THAT(group_.Leader("m2"), testing::AnyOf("m2", "m3"));
  EXPECT_THAT(group_[group_.Leader("m2")].log(), HasSubstr("taking a manager out of the group"));
  ASSERT_EQ(group_.Ctl("m3", {"node", "promote", "m1"}).code, 0);
  ExpectManager("m2", "m1");

  EXPECT_EQ(Tasks("m2"), tasks) << "no task was replaced";
  EXPECT_TRUE(Run("m2", 3));

  // It is a member like any other: it takes part after a restart, and when another one is gone.
  ASSERT_TRUE(group_.Stop("m1")) << group_["m1"].log();
  ASSERT_TRUE(group_.Start("m1")) << group_["m1"].log();
  ExpectManager("m2", "m1");
  group_.Kill("m3");
  const Finished created = group_.Ctl(
      "m1", {"service", "create", "--name", "late", "--image", "none", "--replicas", "0"});
  EXPECT_EQ(created.code, 0) << created.err << group_.logs();
  ASSERT_TRUE(group_.Start("m3")) << group_["m3"].log();
  ExpectManager("m2", "m3");
}

TEST_F(RolesTest, AWorkerBecomesAManagerWhileItsTasksRunOn) {
  // Agents are not told of the new manager: m1 has to know by itself to whom it goes over.
  group_.Configure("dispatcher: {use: dispatcher, manager_poll: 1h}");
  ASSERT_TRUE(group_.Add("m1")) << group_.logs();
  ender_ = "m1";
  ASSERT_TRUE(group_.Add("w1", "worker")) << group_.logs();
  ASSERT_TRUE(Eventually([&] { return group_.StateOf("m1", "w1") == "READY"; }, 60s));
  ASSERT_TRUE(Everywhere("m1", 2)) << group_.logs();
  const auto tasks = Tasks("m1");
  EXPECT_FALSE(HasLog("w1"));
  ASSERT_EQ(group_.Ctl("m1", {"node", "promote", "w1"}).code, 0);
  ExpectManager("m1", "w1");
  EXPECT_TRUE(HasLog("w1"));
  EXPECT_EQ(group_.Ctl("w1", {"service", "ls"}).out, group_.Ctl("m1", {"service", "ls"}).out);
  EXPECT_EQ(Tasks("w1"), tasks);
  EXPECT_TRUE(Run("w1", 2));
  // It can be left alone with the cluster.
  ASSERT_EQ(group_.Ctl("w1", {"node", "demote", "m1"}).code, 0);
  ender_ = "w1";
  ExpectWorker("w1", "m1");
  EXPECT_TRUE(group_.Shows("w1", "w1", "REACHABLE *"));
  EXPECT_EQ(Tasks("w1"), tasks);
  const Finished last = group_.Ctl("w1", {"node", "demote", "w1"});
  EXPECT_NE(last.code, 0);
  EXPECT_THAT(last.err, HasSubstr("attempting to demote the last manager of the swarm"));
}

// Pinned by SwarmKit: not at the expense of the majority; one that is down can go, and finds out.
TEST_F(RolesTest, NobodyIsDemotedAtTheExpenseOfTheMajority) {
  ASSERT_TRUE(ThreeManagers()) << group_.logs();
  group_.Kill("m3");
  ASSERT_TRUE(group_.Shows("m1", "m3", "UNREACHABLE")) << group_.logs();
  const Finished refused = group_.Ctl("m1", {"node", "demote", "m2"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("can't remove member from the raft: this would result in a "
                                     "loss of quorum"));
  EXPECT_EQ(group_.ManagerStatus("m1", "m2"), "REACHABLE");

  ASSERT_EQ(group_.Ctl("m1", {"node", "demote", "m3"}).code, 0);
  EXPECT_TRUE(group_.Shows("m1", "m3", ""));
  // Its certificate is a manager's and its log says that it is a member.
  ASSERT_TRUE(group_.Start("m3")) << group_["m3"].log();
  ExpectWorker("m1", "m3");
  EXPECT_THAT(group_["m3"].log(), HasSubstr("the managers have taken this node out"));
  ASSERT_EQ(group_.Ctl("m1", {"node", "demote", "m2"}).code, 0);
  ExpectWorker("m1", "m2");
}

// Pinned by SwarmKit: the majority is lost for good; one manager goes on with what there was, and
// others join it.
TEST_F(RolesTest, OneManagerGoesOnByForceWithWhatThereWas) {
  ASSERT_TRUE(ThreeManagers()) << group_.logs();
  ASSERT_EQ(
      group_
          .Ctl("m1", {"service", "create", "--name", "kept", "--image", "none", "--replicas", "0"})
          .code,
      0);
  group_.Kill("m2");
  group_.Kill("m3");
  group_.Kill("m1");
  ASSERT_TRUE(group_.Start("m1", {"--force-new-cluster"})) << group_["m1"].log();
  EXPECT_TRUE(group_.Shows("m1", "m1", "REACHABLE *")) << group_["m1"].log();
  EXPECT_THAT(group_.Ctl("m1", {"service", "ls"}).out, HasSubstr("kept"));
  EXPECT_EQ(group_.ManagerStatus("m1", "m2"), "UNKNOWN") << "wanted as one, and no member";
  // Without force from now on.
  ASSERT_TRUE(group_.Stop("m1"));
  ASSERT_TRUE(group_.Start("m1")) << group_["m1"].log();
  for (const char* name : {"m2", "m3"}) {
    ASSERT_TRUE(Eventually([&] { return group_.StateOf("m1", name) == "DOWN"; }, 120s));
    const Finished removed = group_.Ctl("m1", {"node", "remove", name});
    EXPECT_EQ(removed.code, 0) << removed.err;
  }
  ASSERT_TRUE(group_.Add("m4")) << group_.logs();
  ASSERT_TRUE(group_.Add("m5")) << group_.logs();
  ExpectManager("m1", "m4");
  ExpectManager("m1", "m5");
  EXPECT_EQ(group_.Ctl("m5", {"service", "ls"}).out, group_.Ctl("m1", {"service", "ls"}).out);
}

}  // namespace
}  // namespace swarm::test
