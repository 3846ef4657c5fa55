// Which manager is drawn, and the file that remembers them.
#include "node/remotes.h"

#include <gtest/gtest.h>

#include <map>

#include "swarm/simulation.h"

namespace swarm::node {
namespace {

class RemotesTest : public testing::Test {
 protected:
  // How often each is drawn.
  std::map<std::string, int> Draw(int times) {
    std::map<std::string, int> drawn;
    for (int i = 0; i < times; ++i) ++drawn[remotes_.Select(simulation_.random())->address];
    return drawn;
  }
  Simulation simulation_{9};
  Remotes remotes_;
  const Peer a_{"a", "10.0.0.1:1"};
  const Peer b_{"b", "10.0.0.2:1"};
  const Peer c_{"c", "10.0.0.3:1"};
};

// Pinned by SwarmKit: equal peers are all drawn, within 20 % of evenly; nobody is an answer too.
TEST_F(RemotesTest, EqualPeersShareEvenly) {
  EXPECT_FALSE(remotes_.Select(simulation_.random()));
  for (const Peer& peer : {a_, b_, c_}) remotes_.Observe(peer, kGoodWeight);
  for (const auto& [address, count] : Draw(30'000)) EXPECT_NEAR(count, 10'000, 2'000) << address;
}

// Pinned by SwarmKit: with weights of nothing all are still reachable.
TEST_F(RemotesTest, WeightlessPeersAreReachable) {
  for (const Peer& peer : {a_, b_, c_}) remotes_.Observe(peer, 0);
  EXPECT_EQ(Draw(3'000).size(), 3U);
}

TEST_F(RemotesTest, ExclusionIsByIdOrAddress) {
  for (const Peer& peer : {a_, b_}) remotes_.Observe(peer, kGoodWeight);
  Random& random = simulation_.random();
  EXPECT_EQ(remotes_.Select(random, {Peer{"a", ""}}), b_);
  EXPECT_EQ(remotes_.Select(random, {Peer{"", b_.address}}), a_);
  EXPECT_FALSE(remotes_.Select(random, {a_, b_}));
}

// Pinned by SwarmKit: the course of weights, their bound, and one bad turn after good ones.
TEST_F(RemotesTest, WeightsMoveHalfOfTheWay) {
  std::vector<int> course;
  for (int i = 0; i < 5; ++i) {
    remotes_.Observe(a_, kGoodWeight);
    course.push_back(remotes_.WeightOf(a_));
  }
  EXPECT_EQ(course, (std::vector<int>{5, 8, 9, 10, 10}));
  remotes_.Observe(a_, kBadWeight);
  EXPECT_EQ(remotes_.WeightOf(a_), 0);
  remotes_.Observe(a_, kBadWeight);
  EXPECT_EQ(remotes_.WeightOf(a_), -5);
  for (int i = 0; i < 40; ++i) remotes_.Observe(b_, 1'000'000);
  EXPECT_EQ(remotes_.WeightOf(b_), kWeightLimit);
  for (int i = 0; i < 40; ++i) remotes_.Observe(b_, -1'000'000);
  EXPECT_EQ(remotes_.WeightOf(b_), -kWeightLimit + 1);  // rounded up, as the original does
  for (int i = 0; i < 40; ++i) remotes_.Observe(b_, 1'000'000);
  EXPECT_EQ(remotes_.WeightOf(b_), kWeightLimit);
}

TEST_F(RemotesTest, WhoDoesBadlyIsHardlyEverDrawn) {
  for (int i = 0; i < 5; ++i) {
    for (const Peer& peer : {a_, b_}) remotes_.Observe(peer, kGoodWeight);
  }
  remotes_.Observe(a_, kBadWeight);
  EXPECT_LE(Draw(100'000)[a_.address], 100);
}

TEST_F(RemotesTest, TheUnknownStayUnknown) {
  remotes_.ObserveIfKnown(a_, kGoodWeight);
  EXPECT_TRUE(remotes_.All().empty());
  remotes_.Observe(a_, kGoodWeight);
  remotes_.Remove(a_);
  EXPECT_TRUE(remotes_.All().empty());
}

TEST(PeersFileTest, IsSwarmKits) {
  EXPECT_EQ(FormatPeers({{"b", "10.0.0.2:1"}, {"", "10.0.0.9:1"}, {"a", "10.0.0.1:1"}}),
            R"([{"addr":"10.0.0.9:1"},{"node_id":"a","addr":"10.0.0.1:1"},)"
            R"({"node_id":"b","addr":"10.0.0.2:1"}])");
  EXPECT_EQ(FormatPeers({}), "[]");
  const auto read = ParsePeers(R"([{"node_id":"a","addr":"10.0.0.1:1"},{"addr":"h:2"}])");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, (std::vector<Peer>{{"a", "10.0.0.1:1"}, {"", "h:2"}}));
  EXPECT_EQ(ParsePeers("null").value().size(), 0U);
  for (const char* bad : {"", "{}", "[1]", "[{]", "\"x\""}) {
    EXPECT_EQ(ParsePeers(bad).status().code(), Code::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace swarm::node
