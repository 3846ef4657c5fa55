// Who is asked, who may answer, and how a request ends.
#include <gmock/gmock.h>

#include <set>

#include "rig.h"

namespace swarm::logbroker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kIncomplete =
    "warning: incomplete log stream. some logs could not be retrieved for the following reasons: ";

void ExpectEnd(const std::optional<Status>& end, Code code, const std::string& text) {
  ASSERT_TRUE(end.has_value()) << "still open";
  EXPECT_EQ(end->code(), code);
  EXPECT_EQ(end->message(), text);
}

TEST(LogBrokerTest, RefusesRequestsThatSelectNothing) {
  Rig rig;
  ExpectEnd(rig.Subscribe({})->end, Code::kInvalidArgument, "log selector must be provided");
  pb::SubscribeLogsRequest empty;
  empty.mutable_selector();
  ExpectEnd(rig.Subscribe(empty)->end, Code::kInvalidArgument, "log selector must not be empty");
  auto head = OfTask("t", true);
  head.mutable_options()->set_tail(5);
  const auto refused = rig.Subscribe(head);
  ASSERT_TRUE(refused->end);
  EXPECT_EQ(refused->end->code(), Code::kInvalidArgument);
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, FollowsANodeWithManyPublishers) {
  Rig rig;
  auto client = rig.Subscribe(OfNodes({"n1"}, true));
  auto agent = rig.Listen("n1");
  ASSERT_EQ(agent->messages.size(), 1u);
  const pb::SubscriptionMessage& asked = *agent->messages[0];
  EXPECT_TRUE(asked.has_selector());
  EXPECT_TRUE(asked.options().follow());
  std::vector<std::unique_ptr<Publishing>> publishers;
  std::set<std::string> sent;
  for (int p = 0; p < 5; ++p) {
    publishers.push_back(rig.Publish("n1"));
    for (int i = 0; i < 10; ++i) {
      const std::string text = std::to_string(p) + "/" + std::to_string(i);
      sent.insert(text);
      EXPECT_TRUE(
          publishers.back()->Send(Line(asked.id(), "n1", "task" + std::to_string(p), text)));
    }
  }
  const auto got = Texts(*client);
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()), sent);
  EXPECT_EQ(got.size(), 50u);
  for (auto& publisher : publishers) publisher->Close(asked.id());
  EXPECT_FALSE(client->end) << "following never ends by itself";
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, CannotBeStartedTwice) {
  Rig rig;
  std::optional<Status> again;
  rig.unit->Start([&](Status status) { again = std::move(status); });
  ASSERT_TRUE(again);
  EXPECT_EQ(again->message(), "broker is already running");
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, AnAgentHearsOfEachRequestThatConcernsItOnce) {
  Rig rig;
  rig.PutTask("t1", "web", "n1");
  rig.PutTask("t2", "web", "n2");
  auto first = rig.Listen("n1");
  EXPECT_THAT(first->messages, IsEmpty());
  auto a = rig.Subscribe(OfService("web", true));
  auto b = rig.Subscribe(OfTask("t1", true));
  auto c = rig.Subscribe(OfTask("t2", true));
  ASSERT_EQ(first->messages.size(), 2u);
  EXPECT_NE(first->messages[0]->id(), first->messages[1]->id());
  auto late = rig.Listen("n2");
  ASSERT_EQ(late->messages.size(), 2u);
  std::set<std::string> asked;
  for (const auto& m : late->messages) {
    asked.insert(m->selector().task_ids().empty() ? "service" : m->selector().task_ids(0));
  }
  EXPECT_THAT(asked, UnorderedElementsAre("service", "t2"));
  EXPECT_EQ(first->messages.size(), 2u);
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, ATaskWithoutANodeConcernsItsNodeOnceItHasOne) {
  Rig rig;
  rig.PutTask("t1", "web", "", pb::PENDING);
  auto n1 = rig.Listen("n1");
  auto n2 = rig.Listen("n2");
  auto client = rig.Subscribe(OfTask("t1", true));
  EXPECT_THAT(n1->messages, IsEmpty());
  EXPECT_THAT(n2->messages, IsEmpty());
  rig.AssignTask("t1", "n1");
  EXPECT_EQ(n1->messages.size(), 1u);
  EXPECT_THAT(n2->messages, IsEmpty());
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, FollowingAServiceReachesEachNodeOfItOnce) {
  Rig rig;
  auto n1 = rig.Listen("n1");
  auto n2 = rig.Listen("n2");
  auto client = rig.Subscribe(OfService("web", true));
  rig.PutTask("other", "api", "n1");
  EXPECT_THAT(n1->messages, IsEmpty());
  rig.PutTask("t1", "web", "n1", pb::ASSIGNED);
  EXPECT_EQ(n1->messages.size(), 1u);
  rig.PutTask("t2", "web", "n1", pb::ASSIGNED);
  EXPECT_EQ(n1->messages.size(), 1u);
  EXPECT_THAT(n2->messages, IsEmpty());
  rig.PutTask("t3", "web", "n2", pb::ASSIGNED);
  EXPECT_EQ(n2->messages.size(), 1u);
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, WithoutFollowItEndsWhenEveryNodeHasToldAll) {
  Rig rig;
  rig.PutTask("t1", "web", "n1");
  rig.PutTask("t2", "web", "n2");
  auto n1 = rig.Listen("n1");
  auto n2 = rig.Listen("n2");
  auto client = rig.Subscribe(OfService("web", false));
  const std::string id = n1->messages.at(0)->id();
  auto p1 = rig.Publish("n1");
  p1->Send(Line(id, "n1", "t1", "one"));
  p1->Close(id);
  ExpectEnd(p1->end(), Code::kOk, "");
  EXPECT_FALSE(client->end);
  auto p2 = rig.Publish("n2");
  p2->Send(Line(id, "n2", "t2", "two"));
  p2->Close(id);
  EXPECT_THAT(Texts(*client), ElementsAre("one", "two"));
  ExpectEnd(client->end, Code::kOk, "");
  EXPECT_EQ(n1->messages.size(), 1u) << "a node that has told all hears no more of it";
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, NamesANodeThatIsNotThere) {
  Rig rig;
  rig.PutTask("t1", "web", "node-1");
  rig.PutTask("t2", "web", "node-2");
  auto n1 = rig.Listen("node-1");
  auto client = rig.Subscribe(OfService("web", false));
  const std::string id = n1->messages.at(0)->id();
  auto p1 = rig.Publish("node-1");
  p1->Send(Line(id, "node-1", "t1", "one"));
  p1->Close(id);
  EXPECT_THAT(Texts(*client), ElementsAre("one"));
  ExpectEnd(client->end, Code::kUnknown, std::string(kIncomplete) + "node node-2 is not available");
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, WithoutFollowATaskOfAServiceThatDoesNotRunYetIsNotAwaited) {
  Rig rig;
  rig.PutTask("t1", "web", "n1", pb::ASSIGNED);
  auto n1 = rig.Listen("n1");
  ExpectEnd(rig.Subscribe(OfService("web", false))->end, Code::kOk, "");
  EXPECT_THAT(n1->messages, IsEmpty());
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, SaysWhenANodeDropsOut) {
  Rig rig;
  rig.PutTask("t1", "web", "n1");
  auto n1 = rig.Listen("n1");
  auto client = rig.Subscribe(OfService("web", false));
  EXPECT_FALSE(client->end);
  n1->Cancel();
  rig.sim.Settle();
  ExpectEnd(client->end, Code::kUnknown,
            std::string(kIncomplete) + "node n1 disconnected unexpectedly");
}

// Pinned by SwarmKit.
TEST(LogBrokerTest, AMessageSentStaysAsItWasWhenTheRequestEnds) {
  Rig rig;
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfNodes({"n1"}, true));
  client->Cancel();
  rig.sim.Settle();
  ASSERT_EQ(agent->messages.size(), 2u);
  EXPECT_FALSE(agent->messages[0]->close());
  EXPECT_TRUE(agent->messages[1]->close());
  EXPECT_EQ(agent->messages[0]->id(), agent->messages[1]->id());
  EXPECT_TRUE(agent->messages[1]->has_options());
  EXPECT_TRUE(agent->messages[1]->has_selector());
}

TEST(LogBrokerTest, NamesTasksThatHaveNoNode) {
  Rig rig;
  rig.PutTask("t1", "web", "", pb::PENDING);
  ExpectEnd(rig.Subscribe(OfTask("t1", false))->end, Code::kUnknown,
            std::string(kIncomplete) + "task t1 has not been scheduled");
  ExpectEnd(rig.Subscribe(OfTask("unknown", false))->end, Code::kOk, "");
}

TEST(LogBrokerTest, AwaitsANodeNamedByItsIdWithoutFollow) {
  Rig rig;
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfNodes({"n1"}, false));
  EXPECT_FALSE(client->end);
  auto publisher = rig.Publish("n1");
  publisher->Close(agent->messages.at(0)->id());
  ExpectEnd(client->end, Code::kOk, "");
  // Another stream of the node that ends later changes nothing.
  auto second = rig.Publish("n1");
  second->Send(Line(agent->messages[0]->id(), "n1", "t", "late"));
  ExpectEnd(second->end(), Code::kNotFound, "unknown subscription ID");
}

TEST(LogBrokerTest, WaitsAMomentForANodeThatIsUpToListen) {
  Rig rig;
  rig.PutNode("n1", pb::NodeStatus::UNKNOWN);
  rig.PutNode("n2", pb::NodeStatus::READY);
  rig.PutNode("n3", pb::NodeStatus::DOWN);
  rig.PutTask("t1", "web", "n1");
  rig.PutTask("t2", "web", "n2");
  rig.PutTask("t3", "web", "n3");
  auto client = rig.Subscribe(OfService("web", false));
  rig.sim.RunFor(1s);
  EXPECT_FALSE(client->end);
  auto n1 = rig.Listen("n1");
  auto publisher = rig.Publish("n1");
  publisher->Send(Line(n1->messages.at(0)->id(), "n1", "t1", "in time"));
  publisher->Close(n1->messages[0]->id());
  EXPECT_FALSE(client->end);
  rig.sim.RunFor(2s);
  EXPECT_THAT(Texts(*client), ElementsAre("in time"));
  ExpectEnd(client->end, Code::kUnknown,
            std::string(kIncomplete) + "node n3 is not available, node n2 is not available");
}

TEST(LogBrokerTest, RefusesWhatDoesNotBelongTogether) {
  Rig rig;
  rig.PutTask("mine", "web", "n1");
  rig.PutTask("theirs", "web", "n2");
  auto agent = rig.Listen("n1");
  auto other = rig.Listen("n2");
  auto client = rig.Subscribe(OfNodes({"n1"}, true));
  auto client2 = rig.Subscribe(OfNodes({"n1"}, true));
  const std::string id = agent->messages.at(0)->id();
  const auto refused = [&](const std::string& node, const pb::PublishLogsMessage& message,
                           Code code, const std::string& text) {
    auto publisher = rig.Publish(node);
    publisher->Send(message);
    ExpectEnd(publisher->end(), code, text);
  };
  refused("n1", Line("", "n1", "mine", "x"), Code::kInvalidArgument, "missing subscription ID");
  refused("n1", Line("nonsense", "n1", "mine", "x"), Code::kNotFound, "unknown subscription ID");
  refused("n1", Line(id, "n2", "theirs", "x"), Code::kPermissionDenied,
          "invalid NodeID: expected=n1;received=n2");
  refused("n1", Line(id, "n1", "theirs", "x"), Code::kPermissionDenied,
          "task theirs is not assigned to node n1");
  refused("n2", Line(id, "n2", "theirs", "x"), Code::kPermissionDenied,
          "subscription " + id + " does not concern node n2");
  auto publisher = rig.Publish("n1");
  publisher->Send(Line(id, "n1", "mine", "fine"));
  publisher->Send(Line(agent->messages.at(1)->id(), "n1", "mine", "x"));
  ExpectEnd(publisher->end(), Code::kInvalidArgument,
            "different subscription IDs in the same session");
  EXPECT_THAT(Texts(*client), ElementsAre("fine"));
  EXPECT_THAT(Texts(*client2), IsEmpty());
}

TEST(LogBrokerTest, AnsweringAHalfClosedStreamMarksTheNodeDone) {
  Rig rig;
  rig.PutTask("t1", "web", "n1");
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfService("web", false));
  auto publisher = rig.Publish("n1");
  publisher->Send(Line(agent->messages.at(0)->id(), "n1", "t1", "all"));
  publisher->CloseSend();
  EXPECT_EQ(publisher->responses(), 1u);
  EXPECT_THAT(Texts(*client), ElementsAre("all"));
  ExpectEnd(client->end, Code::kOk, "");
}

TEST(LogBrokerTest, APublisherThatBreaksOffLeavesTheStreamIncomplete) {
  Rig rig;
  rig.PutTask("t1", "web", "n1");
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfService("web", false));
  auto publisher = rig.Publish("n1");
  publisher->Send(Line(agent->messages.at(0)->id(), "n1", "t1", "begun"));
  publisher->Cancel();
  EXPECT_THAT(Texts(*client), ElementsAre("begun"));
  ExpectEnd(client->end, Code::kUnknown,
            std::string(kIncomplete) + "node n1 disconnected unexpectedly");
}

TEST(LogBrokerTest, WhatComesForAClientThatLeftIsDropped) {
  Rig rig;
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfNodes({"n1"}, true));
  const std::string id = agent->messages.at(0)->id();
  auto publisher = rig.Publish("n1");
  publisher->Send(Line(id, "n1", "t", "a"));
  client->Cancel();
  rig.sim.Settle();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(publisher->Send(Line(id, "n1", "t", "b")));
  publisher->Close(id);
  ExpectEnd(publisher->end(), Code::kOk, "");
}

TEST(LogBrokerTest, StoppingTellsClientsAndAgents) {
  Rig rig;
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfNodes({"n1"}, true));
  auto publisher = rig.Publish("n1");
  publisher->Send(Line(agent->messages.at(0)->id(), "n1", "t", "a"));
  rig.Stop();
  ASSERT_TRUE(client->end);
  EXPECT_EQ(client->end->code(), Code::kCancelled);
  EXPECT_THAT(client->end->message(), HasSubstr("context canceled\n"));
  ExpectEnd(agent->end, Code::kOk, "");
  ASSERT_TRUE(publisher->end());
  EXPECT_EQ(publisher->end()->code(), Code::kCancelled);
  // And a later leadership serves again.
  rig.Start();
  auto again = rig.Listen("n1");
  auto anew = rig.Subscribe(OfNodes({"n1"}, true));
  EXPECT_EQ(again->messages.size(), 1u);
}

TEST(LogBrokerTest, WorkersMayNotReadLogs) {
  Rig rig;
  auto stolen = rig.Open<pb::SubscribeLogsMessage>(rig.As("n1", "swarm-worker"),
                                                   "Logs/SubscribeLogs", OfNodes({"n2"}, true));
  ASSERT_TRUE(stolen->end);
  EXPECT_EQ(stolen->end->code(), Code::kPermissionDenied);
}

}  // namespace
}  // namespace swarm::logbroker
