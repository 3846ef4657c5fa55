#include "rig.h"

namespace swarm::agent {
namespace {

TEST(AgentSessionTest, RegistersBeatsAndAsksForAssignments) {
  Rig rig;
  rig.Start();
  ASSERT_EQ(rig.manager.session_requests.size(), 1u);
  const auto& request = rig.manager.session_requests[0];
  EXPECT_EQ(request.session_id(), "");
  EXPECT_EQ(request.description().hostname(), "host-of-executor");
  EXPECT_EQ(request.description().tls_info().trust_root(), "ROOTS");
  EXPECT_EQ(rig.manager.beats, std::vector<std::string>{"session-1"});
  EXPECT_EQ(rig.manager.assignment_requests, std::vector<std::string>{"session-1"});
  EXPECT_EQ(rig.events->sessions, 1);
  EXPECT_EQ(rig.source->marks, std::vector<bool>{true});
  rig.sim.RunFor(26s);
  EXPECT_EQ(rig.manager.beats.size(), 6u);
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
}

TEST(AgentSessionTest, HostnameOfTheNodeWins) {
  Rig rig;
  rig.parameters.hostname = "mine";
  rig.Start();
  EXPECT_EQ(rig.manager.session_requests.at(0).description().hostname(), "mine");
}

TEST(AgentSessionTest, OffersWhatTheDefaultExecutorDescribesAlone) {
  Rig rig;
  rig.executor.description->mutable_resources()->set_nano_cpus(4'000'000'000);
  (*rig.executor.description->mutable_engine()->mutable_labels())["default"] = "yes";
  rig.other.description->mutable_resources()->set_nano_cpus(99'000'000'000);
  rig.other.description->mutable_engine()->add_plugins()->set_name("of the other");
  rig.Start();
  const auto& offered = rig.manager.session_requests.at(0).description();
  EXPECT_EQ(offered.resources().nano_cpus(), 4'000'000'000);
  EXPECT_EQ(offered.engine().labels().at("default"), "yes");
  EXPECT_EQ(offered.engine().plugins_size(), 0);
}

TEST(AgentSessionTest, OffersTheNodesGenericResourcesOnce) {
  Rig rig;
  auto* gpu = rig.parameters.generic_resources.emplace_back().mutable_discrete_resource_spec();
  gpu->set_kind("gpu");
  gpu->set_value(2);
  rig.Start();
  rig.sim.RunFor(60s);
  const auto& offered = rig.manager.session_requests.at(0).description().resources().generic();
  ASSERT_EQ(offered.size(), 1);
  EXPECT_EQ(offered[0].discrete_resource_spec().value(), 2);
  EXPECT_EQ(rig.manager.session_requests.size(), 1u) << "described anew without a change";
}

TEST(AgentSessionTest, SilentManagerIsGivenUpAfterFiveSeconds) {
  Rig rig;
  rig.manager.mute = true;
  rig.Start();
  rig.sim.RunFor(4900ms);
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
  rig.sim.RunFor(300ms);
  EXPECT_EQ(rig.manager.sessions.size(), 2u);
  EXPECT_EQ(rig.source->marks, std::vector<bool>{false});
  rig.manager.mute = false;
  rig.sim.RunFor(6s);
  EXPECT_EQ(rig.events->sessions, 1);
}

TEST(AgentSessionTest, BackOffGrowsToItsBound) {
  Rig rig;
  rig.manager.refuse = Status(Code::kUnavailable, "down");
  rig.Start();
  std::vector<SteadyTime> attempts;
  std::size_t seen = 0;
  for (int i = 0; i < 4000; ++i) {
    rig.sim.RunFor(25ms);
    if (rig.manager.session_requests.size() > seen) {
      seen = rig.manager.session_requests.size();
      attempts.push_back(rig.sim.Now());
    }
  }
  // Waits are drawn below 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 8, 8 ... seconds.
  EXPECT_GE(seen, 12u);
  EXPECT_LE(seen, 60u);
  Duration longest{};
  for (std::size_t i = 1; i < attempts.size(); ++i) {
    longest = std::max(longest, attempts[i] - attempts[i - 1]);
  }
  EXPECT_GT(longest, 4s);
  EXPECT_LT(longest, 8100ms);
  rig.manager.refuse.reset();
  rig.sim.RunFor(9s);
  EXPECT_EQ(rig.events->sessions, 1);
}

TEST(AgentSessionTest, LostSessionIsResumedWithItsId) {
  Rig rig;
  rig.Start();
  rig.manager.sessions.back()->Finish({Code::kAborted, "node must disconnect"});
  rig.sim.RunFor(1s);
  ASSERT_EQ(rig.manager.session_requests.size(), 2u);
  EXPECT_EQ(rig.manager.session_requests[1].session_id(), "session-1");
  EXPECT_EQ(rig.manager.assignment_requests.back(), "session-2");
  EXPECT_EQ(rig.events->sessions, 2);
  EXPECT_EQ(rig.source->marks, (std::vector<bool>{true, false, true}));
}

TEST(AgentSessionTest, AnyActivitysEndEndsTheSession) {
  Rig rig;
  rig.Start();
  rig.manager.assignments->Finish({Code::kUnknown, "gone"});
  rig.sim.RunFor(1s);
  EXPECT_EQ(rig.manager.sessions.size(), 2u);
  rig.manager.assignments->Finish({});
  rig.sim.RunFor(1s);
  EXPECT_EQ(rig.manager.sessions.size(), 3u) << "an end without error is an end too";
  rig.manager.beat_error = Status(Code::kInvalidArgument, "session invalid");
  rig.sim.RunFor(6s);
  EXPECT_GT(rig.manager.sessions.size(), 3u);
}

TEST(AgentSessionTest, WithoutAManagerItKeepsLooking) {
  Rig rig;
  auto channel = std::exchange(rig.source->channel, nullptr);
  rig.Start();
  rig.sim.RunFor(10s);
  EXPECT_GT(rig.source->selected, 3);
  rig.source->channel = channel;
  rig.sim.RunFor(9s);
  EXPECT_EQ(rig.events->sessions, 1);
}

// Pinned by SwarmKit: messages of managers and keys alone are no news of the node.
TEST(AgentSessionTest, OnlyRealChangesOfNodeAndRootsAreTold) {
  Rig rig;
  rig.Start();
  pb::SessionMessage message;
  message.set_session_id("session-1");
  auto* peer = message.add_managers()->mutable_peer();
  message.add_managers()->set_weight(10);  // without an address
  message.add_network_bootstrap_keys();
  rig.manager.Say(message);
  rig.sim.Settle();
  EXPECT_TRUE(rig.events->nodes.empty());
  EXPECT_TRUE(rig.source->lists.empty());

  peer->set_addr("10.0.0.1:4242");
  message.mutable_node()->set_id("n1");
  message.set_rootca("ROOTS");
  rig.manager.Say(message);
  rig.sim.Settle();
  ASSERT_EQ(rig.source->lists.size(), 1u);
  EXPECT_EQ(rig.source->lists[0], (std::vector<Peer>{{"", "10.0.0.1:4242"}}));
  EXPECT_EQ(rig.events->nodes.size(), 1u);
  EXPECT_TRUE(rig.events->roots.empty()) << "the roots are those we have";
  EXPECT_EQ(rig.executor.configured.size(), 2u) << "before the first task, and now";

  message.mutable_node()->mutable_status()->set_state(pb::NodeStatus::READY);
  message.mutable_node()->mutable_meta()->mutable_version()->set_index(9);
  rig.manager.Say(message);
  message.mutable_node()->mutable_spec()->set_desired_role(pb::MANAGER);
  message.set_rootca("NEW ROOTS");
  rig.manager.Say(message);
  rig.manager.Say(message);
  rig.sim.Settle();
  EXPECT_EQ(rig.events->nodes.size(), 2u);
  EXPECT_EQ(rig.events->roots, std::vector<std::string>{"NEW ROOTS"});
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
}

TEST(AgentSessionTest, NetworkKeysAreKnownByTheirLamportTime) {
  Rig rig;
  rig.Start();
  pb::SessionMessage message;
  message.set_session_id("session-1");
  message.add_network_bootstrap_keys()->set_lamport_time(1);
  rig.manager.Say(message);
  rig.manager.Say(message);
  message.add_network_bootstrap_keys()->set_lamport_time(2);
  rig.manager.Say(message);
  rig.sim.Settle();
  ASSERT_EQ(rig.executor.keys.size(), 2u);
  EXPECT_EQ(rig.executor.keys[1].size(), 2u);
  EXPECT_EQ(rig.other.keys.size(), 2u);
}

// Pinned by SwarmKit.
TEST(AgentSessionTest, NewDescriptionRestartsTheSessionWithoutWaiting) {
  Rig rig;
  rig.Start();
  rig.sim.RunFor(60s);
  EXPECT_EQ(rig.manager.sessions.size(), 1u) << "an equal description changes nothing";
  rig.executor.description->mutable_resources()->set_nano_cpus(4);
  rig.sim.RunFor(21s);
  ASSERT_EQ(rig.manager.session_requests.size(), 2u);
  EXPECT_EQ(rig.manager.session_requests[1].description().resources().nano_cpus(), 4);
  EXPECT_EQ(rig.manager.session_requests[1].session_id(), "session-1");
  EXPECT_EQ(rig.source->marks, (std::vector<bool>{true, true})) << "nothing is held against it";
}

// Pinned by SwarmKit.
TEST(AgentSessionTest, NewTlsInfoRestartsTheSessionAndTheSameDoesNot) {
  Rig rig;
  rig.Start();
  pb::NodeTLSInfo info;
  info.set_trust_root("ROOTS");
  rig.unit->SetTlsInfo(info);
  rig.sim.Settle();
  EXPECT_EQ(rig.manager.sessions.size(), 1u);
  info.set_cert_issuer_subject("new");
  rig.unit->SetTlsInfo(info);
  rig.sim.Settle();
  ASSERT_EQ(rig.manager.session_requests.size(), 2u);
  EXPECT_EQ(rig.manager.session_requests[1].description().tls_info().cert_issuer_subject(), "new");
}

TEST(AgentSessionTest, ExecutorWithoutDescriptionDoesNotStopTheAgent) {
  Rig rig;
  rig.executor.description = Status(Code::kUnavailable, "engine away");
  rig.Start();
  EXPECT_EQ(rig.events->sessions, 1);
}

// Pinned by SwarmKit.
TEST(AgentSessionTest, BeginningTwiceOrLeavingBeforeIsRefused) {
  Rig rig;
  rig.Make();
  std::optional<Status> result;
  rig.unit->Leave([&](Status status) { result = status; });
  rig.sim.Settle();
  EXPECT_EQ(*result, Status(Code::kFailedPrecondition, "agent: not started"));
  rig.unit->Start([](Status) {});
  rig.unit->Start([&](Status status) { result = status; });
  rig.sim.Settle();
  EXPECT_EQ(*result, Status(Code::kFailedPrecondition, "agent: already started"));
  rig.unit->Stop([] {});
  rig.unit->Leave([&](Status status) { result = status; });
  rig.sim.Settle();
  EXPECT_EQ(*result, Status(Code::kFailedPrecondition, "agent: closed"));
}

TEST(AgentSessionTest, MissingParametersAreExplained) {
  Rig rig;
  fakes::FakeContext context(rig.machine.runtime());
  EXPECT_FALSE(AgentUnit::Create(context).ok());
  AgentParameters empty;
  context.instance_parameters = &empty;
  EXPECT_EQ(AgentUnit::Create(context).status().message(), "the agent knows no managers");
}

}  // namespace
}  // namespace swarm::agent
