#include "rig.h"

namespace swarm::dispatcher {
namespace {

pb::Cluster DefaultCluster() {
  pb::Cluster cluster;
  cluster.set_id("cluster");
  cluster.mutable_spec()->mutable_annotations()->set_name("default");
  cluster.mutable_root_ca()->set_ca_cert("ROOTS");
  return cluster;
}

TEST(SessionTest, FirstMessageHasEverythingAnAgentNeeds) {
  Rig rig;
  rig.Put(DefaultCluster());
  rig.Start();
  rig.PutNode("n1");
  auto session = rig.Session("n1");
  ASSERT_EQ(session->messages.size(), 1u);
  const auto& message = *session->messages[0];
  EXPECT_EQ(message.session_id().size(), 25u);
  EXPECT_EQ(message.node().id(), "n1");
  EXPECT_EQ(message.node().status().state(), pb::NodeStatus::READY);
  EXPECT_EQ(message.node().status().addr(), "192.168.7.9");
  EXPECT_EQ(message.node().description().hostname(), "host-n1");
  ASSERT_EQ(message.managers_size(), 1);
  EXPECT_EQ(message.managers(0).peer().addr(), "10.0.0.1:4242");
  EXPECT_EQ(message.managers(0).weight(), 10);
  EXPECT_EQ(message.network_bootstrap_keys_size(), 0);
  EXPECT_EQ(message.rootca(), "ROOTS");
}

// Pinned by SwarmKit: each of these changes gives one message in which only that differs.
TEST(SessionTest, ChangesOfKeysMembersAndRootsAreToldOnceEach) {
  Rig rig;
  rig.Put(DefaultCluster());
  rig.Start();
  rig.PutNode("n1");
  auto session = rig.Session("n1");
  auto before = session->Take().at(0);

  rig.Edit<pb::Cluster>("cluster",
                        [](auto& c) { c.add_network_bootstrap_keys()->set_lamport_time(5); });
  auto keys = session->Take();
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0]->network_bootstrap_keys(0).lamport_time(), 5u);
  EXPECT_EQ(keys[0]->rootca(), before->rootca());
  EXPECT_EQ(keys[0]->session_id(), before->session_id());

  rig.members.members.push_back({RaftId(2), "m2", "10.0.0.2:4242", false, false, true});
  rig.sim.RunFor(2s);
  auto members = session->Take();
  ASSERT_EQ(members.size(), 1u);
  EXPECT_EQ(members[0]->managers_size(), 2);

  rig.Edit<pb::Cluster>("cluster", [](auto& c) { c.mutable_root_ca()->set_ca_cert("NEW"); });
  auto roots = session->Take();
  ASSERT_EQ(roots.size(), 1u);
  EXPECT_EQ(roots[0]->rootca(), "NEW");

  // What concerns no agent is not told to all of them.
  rig.Edit<pb::Cluster>("cluster", [](auto& c) { c.set_subnetsize(9); });
  EXPECT_TRUE(session->messages.empty());
}

TEST(SessionTest, ChangesOfTheNodeAreToldToItAlone) {
  Rig rig;
  rig.Start();
  rig.Connect("n1");
  rig.Connect("n2");
  rig.sessions["n1"]->Take();
  rig.sessions["n2"]->Take();
  rig.Edit<pb::Node>("n1",
                     [](auto& n) { n.mutable_spec()->set_availability(pb::NodeSpec::DRAIN); });
  ASSERT_EQ(rig.sessions["n1"]->messages.size(), 1u);
  EXPECT_EQ(rig.sessions["n1"]->messages[0]->node().spec().availability(), pb::NodeSpec::DRAIN);
  EXPECT_TRUE(rig.sessions["n2"]->messages.empty());
}

TEST(SessionTest, ManagerListIsNeverEmpty) {
  Rig rig;
  rig.members.members.clear();
  rig.Start();
  rig.PutNode("n1");
  auto session = rig.Session("n1");
  ASSERT_EQ(session->messages.at(0)->managers_size(), 1);
  EXPECT_EQ(session->messages[0]->managers(0).peer().addr(), "10.0.0.1:4242");
}

// Pinned by SwarmKit.
TEST(SessionTest, TwoSessionsOfOneNodeHaveDifferentIds) {
  Rig rig(Rig::Texts{{"rate_limit_attempts", "0"}});
  rig.Start();
  rig.PutNode("n1");
  auto first = rig.Session("n1");
  auto second = rig.Session("n1");
  ASSERT_FALSE(first->messages.empty());
  ASSERT_FALSE(second->messages.empty());
  EXPECT_NE(first->messages[0]->session_id(), second->messages[0]->session_id());
  ASSERT_TRUE(first->end);
  EXPECT_EQ(*first->end, Status(Code::kInvalidArgument, "session invalid"));
}

TEST(SessionTest, KnownSessionIdIsResumed) {
  Rig rig;
  rig.Start();
  std::string id = rig.Connect("n1");
  for (int i = 0; i < 5; ++i) {
    auto resumed = rig.Session("n1", id);
    ASSERT_FALSE(resumed->messages.empty());
    EXPECT_EQ(resumed->messages[0]->session_id(), id);
  }
}

// Pinned by SwarmKit.
TEST(SessionTest, FourthRegistrationWithinTheWindowIsRefused) {
  Rig rig;
  rig.PutNode("n1");
  rig.Start();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(rig.Session("n1")->messages.empty());
  auto fourth = rig.Session("n1");
  ASSERT_TRUE(fourth->end);
  EXPECT_EQ(fourth->end->code(), Code::kUnavailable);
  EXPECT_EQ(fourth->end->message(), "node n1 exceeded rate limit count of registrations");
  rig.sim.RunFor(9s);
  EXPECT_FALSE(rig.Session("n1")->messages.empty());
}

TEST(SessionTest, UnknownNodeIsRefused) {
  Rig rig;
  rig.Start();
  auto session = rig.Session("stranger");
  ASSERT_TRUE(session->end);
  EXPECT_EQ(*session->end, Status(Code::kUnknown, "node not found"));
}

// Pinned by SwarmKit.
TEST(SessionTest, HeartbeatNeedsTheSessionId) {
  Rig rig;
  rig.PutNode("never");
  rig.Start();
  std::string id = rig.Connect("n1");
  EXPECT_EQ(rig.Beat("n1", "").status(), Status(Code::kInvalidArgument, "session invalid"));
  EXPECT_EQ(rig.Beat("n1", "wrong").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(rig.Beat("never", "").status(), Status(Code::kInvalidArgument, "session invalid"));
  EXPECT_EQ(rig.Beat("stranger", "x").status(), Status(Code::kNotFound, "node not registered"));
  auto reply = rig.Beat("n1", id);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ((*reply)->period().seconds(), 5);
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::READY);
}

// Pinned by SwarmKit.
TEST(SessionTest, SilentNodeGoesDownAndItsSessionEnds) {
  Rig rig;
  rig.Start();
  std::string id = rig.Connect("n1");
  rig.sim.RunFor(14s);
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::READY);
  rig.sim.RunFor(2s);
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::DOWN);
  EXPECT_EQ(rig.NodeStatus("n1").message(), "heartbeat failure");
  EXPECT_EQ(rig.Beat("n1", id).status(), Status(Code::kNotFound, "node not registered"));
  ASSERT_TRUE(rig.sessions["n1"]->end);
  auto again = rig.Session("n1", id);
  ASSERT_FALSE(again->messages.empty());
  EXPECT_NE(again->messages[0]->session_id(), id);
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::READY);
}

TEST(SessionTest, HeartbeatsKeepANodeUp) {
  Rig rig;
  rig.Start();
  std::string id = rig.Connect("n1");
  for (int i = 0; i < 20; ++i) {
    rig.sim.RunFor(10s);
    ASSERT_TRUE(rig.Beat("n1", id).ok());
  }
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::READY);
  rig.sim.RunFor(16s);
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::DOWN);
}

TEST(SessionTest, ClusterSettingRulesThePeriodAndShortOnesAreRaised) {
  Rig rig;
  auto cluster = DefaultCluster();
  cluster.mutable_spec()->mutable_dispatcher()->mutable_heartbeat_period()->set_seconds(2);
  rig.Put(cluster);
  rig.Start();
  std::string id = rig.Connect("n1");
  EXPECT_EQ((*rig.Beat("n1", id))->period().seconds(), 2);
  rig.Edit<pb::Cluster>("cluster", [](auto& c) {
    c.mutable_spec()->mutable_dispatcher()->mutable_heartbeat_period()->set_seconds(0);
    c.mutable_spec()->mutable_dispatcher()->mutable_heartbeat_period()->set_nanos(1);
  });
  EXPECT_EQ((*rig.Beat("n1", id))->period().nanos(), 100'000'000);
}

// Pinned by SwarmKit.
TEST(SessionTest, DrawnPeriodsLieAroundTheSetOne) {
  Rig rig(Rig::Texts{{"heartbeat_epsilon", "500ms"}});
  rig.Start();
  std::string id = rig.Connect("n1");
  std::set<std::int64_t> drawn;
  for (int i = 0; i < 1024; ++i) {
    auto period = (*rig.Beat("n1", id))->period();
    Duration d = std::chrono::seconds(period.seconds()) + Duration(period.nanos());
    EXPECT_GE(d, 4500ms);
    EXPECT_LT(d, 5500ms);
    drawn.insert(d.count());
  }
  EXPECT_GT(drawn.size(), 500u);
}

TEST(SessionTest, LeaderStartMarksNodesUnknownAndThenDown) {
  Rig rig;
  rig.PutNode("n1");
  pb::Node down;
  down.set_id("n2");
  down.mutable_status()->set_state(pb::NodeStatus::DOWN);
  down.mutable_status()->set_message("kept");
  rig.Put(down);
  rig.Start();
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::UNKNOWN);
  EXPECT_EQ(rig.NodeStatus("n1").message(),
            "Node moved to \"unknown\" state due to leadership change in cluster");
  EXPECT_EQ(rig.NodeStatus("n2").message(), "kept");
  rig.sim.RunFor(29s);
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::UNKNOWN);
  rig.sim.RunFor(2s);
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::DOWN);
  EXPECT_EQ(rig.NodeStatus("n1").message(), "heartbeat failure for node in \"unknown\" state");
}

TEST(SessionTest, TasksOfALostNodeAreOrphaned) {
  Rig rig;
  rig.Start();
  rig.Connect("n1");
  rig.PutTask(MakeTask("pending", "n1", pb::PENDING));
  rig.PutTask(MakeTask("assigned", "n1", pb::ASSIGNED));
  rig.PutTask(MakeTask("running", "n1", pb::RUNNING));
  rig.PutTask(MakeTask("failed", "n1", pb::FAILED));
  rig.PutTask(MakeTask("other", "n2", pb::RUNNING));
  rig.sim.RunFor(16s);
  rig.sim.RunFor(23h);
  auto state = [&](const char* id) { return rig.store.Read()->GetTask(id)->status.state; };
  EXPECT_EQ(state("running"), pb::RUNNING);
  rig.sim.RunFor(1h);
  EXPECT_EQ(state("pending"), pb::PENDING);
  EXPECT_EQ(state("assigned"), pb::ORPHANED);
  EXPECT_EQ(state("running"), pb::ORPHANED);
  EXPECT_EQ(state("failed"), pb::FAILED);
  EXPECT_EQ(state("other"), pb::RUNNING);
}

TEST(SessionTest, ReturningNodeKeepsItsTasks) {
  Rig rig;
  rig.Start();
  rig.Connect("n1");
  rig.PutTask(MakeTask("t", "n1", pb::RUNNING));
  rig.sim.RunFor(20s);
  auto session = rig.Session("n1");
  for (int i = 0; i < 9000; ++i) {
    rig.sim.RunFor(10s);
    ASSERT_TRUE(rig.Beat("n1", session->messages[0]->session_id()).ok());
  }
  EXPECT_EQ(rig.store.Read()->GetTask("t")->status.state, pb::RUNNING);
}

TEST(SessionTest, RemovedNodeIsForgotten) {
  Rig rig;
  rig.Start();
  std::string id = rig.Connect("n1");
  rig.Write([](Transaction& tx) { return tx.Remove<pb::Node>("n1"); });
  EXPECT_TRUE(rig.sessions["n1"]->end);
  EXPECT_EQ(rig.Beat("n1", id).status().code(), Code::kNotFound);
}

TEST(SessionTest, StopTellsAgentsToGoElsewhere) {
  Rig rig;
  rig.Start();
  std::string id = rig.Connect("n1");
  auto assignments = rig.Assignments("n1", id);
  rig.sessions["n1"]->Take();
  // Where that is, also if it became a manager just now.
  rig.members.members.push_back({RaftId(2), "m2", "10.0.0.2:4242", false, false, true});
  rig.Stop();
  auto& session = *rig.sessions["n1"];
  ASSERT_EQ(session.messages.size(), 1u);
  EXPECT_EQ(session.messages[0]->managers_size(), 2);
  ASSERT_TRUE(session.end);
  EXPECT_EQ(*session.end, Status(Code::kAborted, "node must disconnect"));
  ASSERT_TRUE(assignments->end);
  EXPECT_EQ(assignments->end->code(), Code::kCancelled);
  EXPECT_EQ(rig.Beat("n1", id).status().code(), Code::kUnavailable);
}

TEST(SessionTest, RegistrationSurvivesAClientThatGivesUp) {
  Rig rig;
  rig.Start();
  rig.PutNode("n1");
  rig.store.consensus().Hold();
  auto session = rig.Session("n1");
  EXPECT_TRUE(session->messages.empty());
  session.reset();
  rig.store.consensus().StopHolding();
  rig.sim.Settle();
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::READY);
  // Nobody beats for the session that nobody took.
  rig.sim.RunFor(16s);
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::DOWN);
}

TEST(SessionTest, StopsTwiceAndStartsAgain) {
  Rig rig;
  rig.Start();
  rig.Connect("n1");
  bool done = false;
  rig.unit->Stop([] {});
  rig.unit->Stop([&] { done = true; });
  rig.sim.Settle();
  EXPECT_TRUE(done);
  rig.unit.reset();
  rig.Start();
  EXPECT_EQ(rig.NodeStatus("n1").state(), pb::NodeStatus::UNKNOWN);
  EXPECT_FALSE(rig.Session("n1")->messages.empty());
}

}  // namespace
}  // namespace swarm::dispatcher
