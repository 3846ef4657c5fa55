// Slow clients and nodes that come back: nothing piles up, nothing is lost or told twice.
#include <gmock/gmock.h>

#include "rig.h"

namespace swarm::logbroker {
namespace {

using testing::ElementsAre;

TEST(LogFlowTest, ASlowClientSlowsTheAgentAndLosesNothing) {
  Rig rig(Rig::Texts{{"buffer", "64KiB"}});
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfNodes({"n1"}, true), false);
  const std::string id = agent->messages.at(0)->id();
  auto publisher = rig.Publish("n1");
  const std::string filling(4000, 'x');
  constexpr int kLines = 1000;
  for (int i = 0; i < kLines; ++i) {
    publisher->Queue(Line(id, "n1", "t", std::to_string(i) + " " + filling));
  }
  rig.sim.RunFor(1min);
  // The buffer, a message under way, and the one that filled it.
  EXPECT_LE(publisher->taken(), 40);
  EXPECT_GE(publisher->taken(), 16);
  client->ReadAll();
  rig.sim.RunFor(1min);
  EXPECT_EQ(publisher->taken(), kLines);
  const auto got = Texts(*client);
  ASSERT_EQ(got.size(), static_cast<std::size_t>(kLines));
  for (int i = 0; i < kLines; ++i) {
    EXPECT_TRUE(got[static_cast<std::size_t>(i)].starts_with(std::to_string(i) + " "));
  }
}

TEST(LogFlowTest, ASlowClientDoesNotHoldUpOthers) {
  Rig rig(Rig::Texts{{"buffer", "4KiB"}});
  auto agent = rig.Listen("n1");
  auto slow = rig.Subscribe(OfNodes({"n1"}, true), false);
  auto quick = rig.Subscribe(OfNodes({"n1"}, true));
  auto to_slow = rig.Publish("n1");
  auto to_quick = rig.Publish("n1");
  const std::string text(1000, 'x');
  for (int i = 0; i < 100; ++i) {
    to_slow->Queue(Line(agent->messages.at(0)->id(), "n1", "t", text));
    to_quick->Queue(Line(agent->messages.at(1)->id(), "n1", "t", text));
  }
  rig.sim.RunFor(1s);
  EXPECT_EQ(Texts(*quick).size(), 100u);
  EXPECT_LT(to_slow->taken(), 20);
}

TEST(LogFlowTest, AClientThatLeavesWhileAgentsWaitLetsThemGoOn) {
  Rig rig(Rig::Texts{{"buffer", "4KiB"}});
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfNodes({"n1"}, true), false);
  auto publisher = rig.Publish("n1");
  for (int i = 0; i < 50; ++i) {
    publisher->Queue(Line(agent->messages.at(0)->id(), "n1", "t", std::string(1000, 'x')));
  }
  rig.sim.RunFor(1s);
  EXPECT_LT(publisher->taken(), 50);
  client->Cancel();
  rig.sim.RunFor(1s);
  EXPECT_EQ(publisher->taken(), 50);
}

TEST(LogFlowTest, WithoutFollowASlowClientGetsAllBeforeTheEnd) {
  Rig rig(Rig::Texts{{"buffer", "4KiB"}});
  rig.PutTask("t", "web", "n1");
  auto agent = rig.Listen("n1");
  auto client = rig.Subscribe(OfService("web", false), false);
  const std::string id = agent->messages.at(0)->id();
  auto publisher = rig.Publish("n1");
  for (int i = 0; i < 20; ++i) publisher->Queue(Line(id, "n1", "t", std::string(1000, 'x')));
  pb::PublishLogsMessage last;
  last.set_subscription_id(id);
  last.set_close(true);
  publisher->Queue(last);
  rig.sim.RunFor(1s);
  client->ReadAll();
  rig.sim.RunFor(1s);
  EXPECT_EQ(Texts(*client).size(), 20u);
  ASSERT_TRUE(client->end);
  EXPECT_TRUE(client->end->ok()) << *client->end;
}

TEST(LogFlowTest, ANodeThatComesBackBeginsWhereItStopped) {
  Rig rig;
  rig.PutTask("t1", "web", "n1");
  auto agent = rig.Listen("n1");
  auto request = OfService("web", true);
  request.mutable_options()->set_tail(-11);
  auto client = rig.Subscribe(request);
  const std::string id = agent->messages.at(0)->id();
  EXPECT_EQ(agent->messages[0]->options().tail(), -11);
  auto publisher = rig.Publish("n1");
  publisher->Send(Line(id, "n1", "t1", "a", 100));
  publisher->Send(Line(id, "n1", "t1", "b", 200));
  publisher->Send(Line(id, "n1", "t1", "c", 200));

  // The manager has not heard that the first connection broke.
  auto back = rig.Listen("n1");
  ASSERT_TRUE(agent->end);
  ASSERT_EQ(back->messages.size(), 1u);
  EXPECT_EQ(back->messages[0]->id(), id);
  EXPECT_EQ(back->messages[0]->options().tail(), 0);
  EXPECT_EQ(back->messages[0]->options().since().nanos(), 200);
  ASSERT_TRUE(publisher->end());
  auto second = rig.Publish("n1");
  second->Send(Line(id, "n1", "t1", "b", 200));
  second->Send(Line(id, "n1", "t1", "c", 200));
  second->Send(Line(id, "n1", "t1", "d", 200));
  second->Send(Line(id, "n1", "t1", "e", 300));
  EXPECT_THAT(Texts(*client), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_FALSE(client->end);
}

}  // namespace
}  // namespace swarm::logbroker
