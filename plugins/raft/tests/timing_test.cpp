// Timing that changes while a member runs.
#include "core_fixture.h"

namespace swarm::raft::testing {
namespace {

constexpr Timing kLong{.election_ticks = 100, .heartbeat_ticks = 10, .pre_vote = false};
constexpr Timing kLongHurried{.election_ticks = 100, .heartbeat_ticks = 1, .pre_vote = false};
constexpr Timing kShort{.election_ticks = 10, .heartbeat_ticks = 1, .pre_vote = true};

Message HeartbeatOf(std::uint64_t from) {
  return {.type = MessageType::kHeartbeat, .from = RaftId(from), .term = Term(2)};
}

TEST(TimingTest, ALongerTimeoutCountsFromTheLastHeartbeat) {
  Peer peer;
  peer.raft->SetTiming(kShort);
  peer.Hear(HeartbeatOf(2));
  peer.Tick(9);
  peer.raft->SetTiming(kLong);
  peer.Tick(100 + 99 - 9 - 1);  // the fixture draws the longest
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
  peer.Tick(1);
  EXPECT_EQ(peer.raft->role(), Role::kCandidate) << "and without asking first";
}

TEST(TimingTest, AShorterTimeoutGivesTheLeaderAWholeOne) {
  Peer peer;
  peer.raft->SetTiming(kLong);
  peer.Hear(HeartbeatOf(2));
  peer.Tick(90);
  peer.raft->SetTiming(kShort);
  peer.Tick(18);
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
  peer.Tick(1);
  EXPECT_EQ(peer.raft->role(), Role::kPreCandidate);
}

TEST(TimingTest, TheLeaseIsAsLongAsTheTimeout) {
  Peer peer;
  const Message vote{.type = MessageType::kVote,
                     .from = RaftId(3),
                     .term = Term(9),
                     .log_term = Term(9),
                     .index = Index(99)};
  peer.raft->SetTiming(kLong);
  peer.Hear(HeartbeatOf(2));
  peer.Tick(50);
  peer.Hear(vote);
  EXPECT_EQ(peer.raft->term(), Term(2)) << "it has a leader";
  peer.raft->SetTiming(kShort);
  peer.Hear(vote);
  EXPECT_EQ(peer.raft->term(), Term(2)) << "a new lease began";
  peer.Tick(10);
  peer.Hear(vote);
  EXPECT_EQ(peer.raft->term(), Term(9));
}

TEST(TimingTest, ALeaderHurriesAndSlowsDownAtOnce) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->SetTiming(kLong);
  const auto heartbeats = [&peer](int ticks) {
    peer.Work();
    peer.Tick(ticks);
    return Only(MessageType::kHeartbeat, peer.Work()).size();
  };
  EXPECT_EQ(heartbeats(30), 2u * 3);
  peer.raft->SetTiming(kLongHurried);
  EXPECT_EQ(heartbeats(30), 2u * 30);
  EXPECT_EQ(peer.raft->role(), Role::kLeader) << "it needs an answer in 100 ticks only";
}

// One that was away, or removed, comes with a high term and is not to depose anybody.
TEST(TimingTest, ALeaderHasItsLeaseAllTheTime) {
  Peer::Setup setup;
  setup.options.short_ties = true;
  Peer peer(setup);
  peer.Lead();
  peer.raft->SetTiming(kLongHurried);
  for (int tick = 0; tick < 300; ++tick) {
    peer.Acknowledge(2);
    peer.Tick(1);
    peer.Hear({.type = MessageType::kVote,
               .from = RaftId(3),
               .term = Term(99),
               .log_term = Term(99),
               .index = Index(99)});
    ASSERT_EQ(peer.raft->role(), Role::kLeader) << "after " << tick << " ticks";
  }
}

TEST(TimingTest, ALeaderThatBecomesFastHasAWholeTimeoutToHearFromAMajority) {
  Peer peer;
  peer.Lead();
  peer.raft->SetTiming(kLongHurried);
  peer.Acknowledge(2);
  peer.Tick(99);
  peer.raft->SetTiming(kShort);
  peer.Tick(9);
  EXPECT_EQ(peer.raft->role(), Role::kLeader);
  peer.Tick(1);
  EXPECT_EQ(peer.raft->role(), Role::kLeader) << "it was heard of since the last check";
  peer.Tick(10);
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
}

TEST(TimingTest, TheSameTimingAgainChangesNothing) {
  Peer peer;
  peer.raft->SetTiming(kShort);
  peer.Hear(HeartbeatOf(2));
  peer.Tick(18);
  peer.raft->SetTiming(kShort);
  peer.Tick(1);
  EXPECT_EQ(peer.raft->role(), Role::kPreCandidate);
  EXPECT_EQ(peer.raft->timing(), kShort);
}

}  // namespace
}  // namespace swarm::raft::testing
