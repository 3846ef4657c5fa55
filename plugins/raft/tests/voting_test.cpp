// Terms, votes and leases.
#include <gtest/gtest.h>

#include "core_fixture.h"

namespace swarm::raft::testing {
namespace {

Message Vote(std::uint64_t from, std::uint64_t term, std::uint64_t index, std::uint64_t log_term) {
  return {.type = MessageType::kVote,
          .from = RaftId(from),
          .term = Term(term),
          .log_term = Term(log_term),
          .index = Index(index)};
}

Message Heartbeat(std::uint64_t from, std::uint64_t term, std::uint64_t commit = 1) {
  return {.type = MessageType::kHeartbeat,
          .from = RaftId(from),
          .term = Term(term),
          .commit = Index(commit)};
}

TEST(VotingTest, GrantsOneVoteATermAndRepeatsIt) {
  Peer peer;
  ASSERT_FALSE(peer.Hear(Vote(2, 5, 1, 1)).at(0).reject);
  const std::vector<Message> other = peer.Hear(Vote(3, 5, 1, 1));
  EXPECT_TRUE(other.at(0).reject);
  EXPECT_EQ(other.at(0).term, Term(5));
  EXPECT_FALSE(peer.Hear(Vote(2, 5, 1, 1)).at(0).reject);
}

TEST(VotingTest, RefusesACandidateThatLacksEntries) {
  Peer peer({.log = {2, 2}, .hard_state = {Term(2), kNobody, Index(1)}});
  EXPECT_TRUE(peer.Hear(Vote(2, 5, 9, 1)).at(0).reject) << "an earlier last term";
  EXPECT_TRUE(peer.Hear(Vote(2, 6, 2, 2)).at(0).reject) << "a shorter log";
  EXPECT_FALSE(peer.Hear(Vote(2, 7, 3, 2)).at(0).reject);
}

TEST(VotingTest, ThereIsNoVoteBesideALeaderOfTheTerm) {
  Peer peer;
  peer.Hear(Heartbeat(2, 5));
  EXPECT_TRUE(peer.Hear(Vote(3, 5, 1, 1)).at(0).reject);
}

// A leader that says nothing for half of a timeout is not held to when another member stands, which
// has waited for a whole one.
TEST(VotingTest, WithShortTiesALeaseLastsHalfATimeout) {
  Options options;
  options.short_ties = true;
  Peer peer({.options = options});
  peer.Hear(Heartbeat(2, 5));
  peer.Tick(4);
  EXPECT_TRUE(peer.Hear(Vote(3, 6, 9, 5)).empty());
  peer.Tick(1);
  EXPECT_FALSE(peer.Hear(Vote(3, 6, 9, 5)).at(0).reject);
}

// Whoever was not elected, or sees that another was not, does not wait for a whole timeout again;
// a member that has just started does, since a leader may be on its way to it.
TEST(VotingTest, WithShortTiesTheNextElectionComesSoon) {
  Options options;
  options.short_ties = true;
  Peer peer({.options = options});
  peer.Tick(9);
  EXPECT_EQ(peer.raft->term(), Term(1)) << "has just started";
  peer.Tick(11);
  ASSERT_EQ(peer.raft->role(), Role::kCandidate);
  const Term stood = peer.raft->term();
  peer.Tick(6);
  EXPECT_GT(peer.raft->term(), stood);
  peer.Tick(6);
  const Term again = peer.raft->term();
  peer.Tick(9);
  EXPECT_EQ(peer.raft->term(), again) << "nobody elects it: it must not drive the terms up";

  Peer voter({.log = {2, 2}, .hard_state = {Term(2), kNobody, Index(1)}, .options = options});
  ASSERT_TRUE(voter.Hear(Vote(2, 5, 1, 1)).at(0).reject) << "it lacks entries";
  voter.Tick(6);
  EXPECT_EQ(voter.raft->role(), Role::kCandidate);

  Peer granted({.options = options});
  ASSERT_FALSE(granted.Hear(Vote(2, 5, 1, 1)).at(0).reject);
  granted.Tick(9);
  EXPECT_EQ(granted.raft->role(), Role::kFollower) << "it waits for what comes of its vote";

  Peer follower({.options = options});
  follower.Hear(Vote(2, 5, 1, 1));
  follower.Hear(Heartbeat(2, 5));
  follower.Tick(9);
  EXPECT_EQ(follower.raft->role(), Role::kFollower) << "the election had an outcome";
}

// What a peer of 2021 does in the same place: it looks at its vote only.
TEST(VotingTest, RulesOf2021VoteBesideALeader) {
  Options options;
  options.variant = Variant::Rules2021();
  Peer peer({.options = options});
  peer.Hear(Heartbeat(2, 5));
  EXPECT_FALSE(peer.Hear(Vote(3, 5, 1, 1)).at(0).reject);
}

TEST(VotingTest, AnswersNoCandidateWhileALeaderIsHeardOf) {
  Peer peer;
  peer.Hear(Heartbeat(2, 5));
  EXPECT_TRUE(peer.Hear(Vote(3, 6, 9, 5)).empty()) << "not even with a refusal";
  EXPECT_EQ(peer.raft->term(), Term(5));
  peer.Tick(10);
  EXPECT_FALSE(peer.Hear(Vote(3, 6, 9, 5)).at(0).reject) << "the lease is over";
}

TEST(VotingTest, LeadershipTransferGoesPastTheLease) {
  Peer peer;
  peer.Hear(Heartbeat(2, 5));
  Message vote = Vote(3, 6, 9, 5);
  vote.context = kCampaignTransfer;
  EXPECT_FALSE(peer.Hear(vote).at(0).reject);
}

TEST(VotingTest, AVoteIsOnDiskBeforeItIsSaid) {
  Peer peer;
  Message vote = Vote(2, 5, 1, 1);
  vote.to = peer.raft->id();
  peer.raft->Step(vote);
  const Ready ready = peer.raft->TakeReady();
  EXPECT_TRUE(ready.messages.empty());
  ASSERT_EQ(ready.messages_after_write.size(), 1u);
  EXPECT_TRUE(ready.must_sync);
  EXPECT_EQ(ready.hard_state, (HardState{Term(5), RaftId(2), Index(1)}));
}

TEST(VotingTest, ACandidatesOwnVoteCountsOnceItIsWritten) {
  Peer peer({.voters = Ids({1})});
  peer.raft->Campaign();
  EXPECT_EQ(peer.raft->role(), Role::kCandidate);
  peer.Work();
  EXPECT_EQ(peer.raft->role(), Role::kLeader);
}

// Else a crash would make it forget the term in which it leads: the same voters would elect it in
// that term once more, and there would be two entries of one term at one place.
TEST(VotingTest, NobodyLeadsByTheVotesOfOthersAlone) {
  Peer peer;
  peer.raft->Campaign();
  const Ready ready = peer.raft->TakeReady();
  for (const std::uint64_t voter : {2, 3}) {
    peer.raft->Step({.type = MessageType::kVoteResponse,
                     .to = peer.raft->id(),
                     .from = RaftId(voter),
                     .term = peer.raft->term()});
  }
  EXPECT_EQ(peer.raft->role(), Role::kCandidate) << "its term is not on disk";
  for (const Message& message : ready.messages_after_write) peer.raft->Step(message);
  EXPECT_EQ(peer.raft->role(), Role::kLeader);
}

TEST(VotingTest, AStaleLeaderLearnsTheTermFromTheAnswer) {
  Peer peer({.hard_state = {Term(7), kNobody, Index(1)}});
  for (const MessageType type : {MessageType::kHeartbeat, MessageType::kAppend}) {
    const std::vector<Message> said = peer.Hear(
        {.type = type, .from = RaftId(2), .term = Term(3), .log_term = Term(1), .index = Index(1)});
    ASSERT_EQ(said.size(), 1u);
    EXPECT_EQ(said[0].type, MessageType::kAppendResponse);
    EXPECT_EQ(said[0].term, Term(7));
    EXPECT_EQ(said[0].index, Index());
  }
  EXPECT_TRUE(peer.Hear(Vote(2, 3, 9, 3)).empty()) << "other messages of the past are dropped";
}

TEST(VotingTest, RefusesAPreVoteOfThePastUnlessOfTheRulesOf2021) {
  const Message ask{.type = MessageType::kPreVote, .from = RaftId(2), .term = Term(3)};
  Peer peer({.hard_state = {Term(7), kNobody, Index(1)}});
  EXPECT_TRUE(peer.Hear(ask).at(0).reject);
  Options options;
  options.variant = Variant::Rules2021();
  Peer old({.hard_state = {Term(7), kNobody, Index(1)}, .options = options});
  EXPECT_TRUE(old.Hear(ask).empty());
}

TEST(VotingTest, APreVoteChangesNothingButIsAnswered) {
  Peer peer;
  const std::vector<Message> said = peer.Hear({.type = MessageType::kPreVote,
                                               .from = RaftId(2),
                                               .term = Term(2),
                                               .log_term = Term(1),
                                               .index = Index(1)});
  EXPECT_FALSE(said.at(0).reject);
  EXPECT_EQ(said.at(0).term, Term(2));
  EXPECT_EQ(peer.raft->term(), Term(1));
  EXPECT_EQ(peer.raft->vote(), kNobody);
}

TEST(VotingTest, AMajorityOfRefusalsEndsTheCandidacyInItsTerm) {
  Peer peer;
  peer.raft->Campaign();
  peer.Work();
  for (const std::uint64_t from : {2, 3}) {
    peer.Hear({.type = MessageType::kVoteResponse,
               .from = RaftId(from),
               .term = Term(2),
               .reject = true});
  }
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
  EXPECT_EQ(peer.raft->term(), Term(2));
}

TEST(VotingTest, StandsAfterAnElectionTimeoutFromTheGenerator) {
  Options options;
  options.random = [](std::uint64_t bound) { return bound == 10 ? 4 : 0; };
  Peer peer({.options = options});
  peer.Tick(13);
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
  peer.Tick(1);
  EXPECT_EQ(peer.raft->role(), Role::kCandidate);
}

TEST(VotingTest, ANewcomerWithoutConfigurationNeverStands) {
  Peer peer({.id = 4, .voters = {}});
  peer.Tick(100);
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
  EXPECT_EQ(peer.raft->term(), Term());
}

TEST(VotingTest, DoesNotStandBeforeACommittedConfChangeIsApplied) {
  Peer peer;
  const ConfChange change{.type = ConfChangeType::kRemove, .member = RaftId(3)};
  Message append{.type = MessageType::kAppend,
                 .to = RaftId(1),
                 .from = RaftId(2),
                 .term = Term(2),
                 .log_term = Term(1),
                 .index = Index(1),
                 .commit = Index(2),
                 .entries = {{.term = Term(2),
                              .index = Index(2),
                              .type = EntryType::kConfChange,
                              .data = MakePayload(Encode(change))}}};
  peer.raft->Step(append);
  peer.raft->Campaign();
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
  peer.Work();
  peer.raft->Campaign();
  EXPECT_EQ(peer.raft->role(), Role::kCandidate);
}

TEST(VotingTest, ALeaderWithoutAMajorityStepsDown) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  peer.Tick(10);
  EXPECT_EQ(peer.raft->role(), Role::kLeader) << "it has just heard of one";
  peer.Tick(10);
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
  EXPECT_EQ(peer.raft->leader(), kNobody);
}

TEST(VotingTest, AnswersOfAMajorityKeepTheLeader) {
  Peer peer;
  peer.Lead();
  for (int i = 0; i < 5; ++i) {
    peer.Hear({.type = MessageType::kHeartbeatResponse, .from = RaftId(2), .term = Term(2)});
    peer.Tick(10);
  }
  EXPECT_EQ(peer.raft->role(), Role::kLeader);
}

TEST(VotingTest, UnknownAndLocalMessagesAreIgnored) {
  Peer peer;
  peer.Lead();
  for (const int type : {0, 1, 10, 11, 12, 15, 16, 19, 20, 21, 22, 23, 99}) {
    // A read request without entries takes a Go peer down.
    EXPECT_TRUE(
        peer.Hear({.type = static_cast<MessageType>(type), .from = RaftId(2), .term = Term(9)})
            .empty());
  }
  EXPECT_EQ(peer.raft->role(), Role::kLeader);
  EXPECT_EQ(peer.raft->term(), Term(2));
}

TEST(VotingTest, AnswersOfStrangersAndMessagesWithoutTermAreRefused) {
  Peer peer;
  peer.Lead();
  peer.Hear({.type = MessageType::kAppendResponse, .from = RaftId(9), .term = Term(2)});
  EXPECT_EQ(peer.last_result, StepResult::kUnknownPeer);
  peer.Hear({.type = MessageType::kHeartbeat, .from = RaftId(2)});
  EXPECT_EQ(peer.last_result, StepResult::kMalformed);
}

}  // namespace
}  // namespace swarm::raft::testing
