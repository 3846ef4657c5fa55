// Proposals, changes of the group, leadership transfer, and the encoding of changes.
#include <gtest/gtest.h>

#include "core_fixture.h"

namespace swarm::raft::testing {
namespace {

TEST(ProposalTest, WithoutALeaderItIsDropped) {
  Peer peer;
  EXPECT_EQ(peer.raft->Propose({MakePayload("a")}).result, StepResult::kProposalDropped);
  peer.raft->Campaign();
  EXPECT_EQ(peer.raft->Propose({MakePayload("a")}).result, StepResult::kProposalDropped);
}

TEST(ProposalTest, AFollowerPassesItOnOrNot) {
  for (const bool forward : {true, false}) {
    Options options;
    options.forward_proposals = forward;
    Peer peer({.options = options});
    peer.Hear({.type = MessageType::kHeartbeat, .from = RaftId(2), .term = Term(2)});
    const StepResult result = peer.raft->Propose({MakePayload("a")}).result;
    EXPECT_EQ(result, forward ? StepResult::kOk : StepResult::kProposalDropped);
    const std::vector<Message> said = peer.Work();
    ASSERT_EQ(said.size(), forward ? 1u : 0u);
    if (!forward) continue;
    EXPECT_EQ(said[0].term, Term()) << "a proposal has no term";
  }
}

TEST(ProposalTest, TellsWhereItIs) {
  Peer peer;
  peer.Lead();
  EXPECT_EQ(peer.raft->Propose({MakePayload("a"), MakePayload("b")}).first, Index(3));
  EXPECT_EQ(peer.raft->Propose({MakePayload("c")}).first, Index(5));
}

TEST(ProposalTest, UncommittedBytesAreLimitedButOneFitsAlways) {
  Options options;
  options.max_uncommitted_bytes = 10;
  Peer peer({.options = options});
  peer.Lead();
  EXPECT_EQ(peer.raft->Propose({MakePayload(std::string(100, 'a'))}).result, StepResult::kOk);
  EXPECT_EQ(peer.raft->Propose({MakePayload("b")}).result, StepResult::kProposalDropped);
  peer.Work();
  peer.Acknowledge(2);
  EXPECT_EQ(peer.raft->Propose({MakePayload("b")}).result, StepResult::kOk);
}

TEST(ConfChangeTest, TakesEffectWhenAppliedNotWhenAppended) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->ProposeConfChange(ConfChange{.member = RaftId(4)});
  peer.Work();
  EXPECT_FALSE(peer.raft->configuration().voters.Contains(RaftId(4)));
  peer.Acknowledge(2);
  EXPECT_TRUE(peer.raft->configuration().voters.Contains(RaftId(4)));
  const Progress& newcomer = peer.raft->members().at(RaftId(4));
  EXPECT_TRUE(newcomer.recently_active());
  EXPECT_EQ(newcomer.match(), Index());
}

TEST(ConfChangeTest, ASecondOneIsReplacedByAnEmptyEntryAndTheProposerTold) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  EXPECT_FALSE(peer.raft->ProposeConfChange(ConfChange{.member = RaftId(4)}).conf_change_refused);
  const Proposed second = peer.raft->ProposeConfChange(ConfChange{.member = RaftId(5)});
  EXPECT_TRUE(second.conf_change_refused);
  EXPECT_EQ(second.result, StepResult::kOk);
  peer.Work();
  const Entry entry = peer.raft->log().Read(second.first, kUnlimited).at(0);
  EXPECT_EQ(entry.type, EntryType::kNormal);
  EXPECT_EQ(entry.data, nullptr);
}

TEST(ConfChangeTest, ANewLeaderRefusesThemUntilTheInheritedTailIsApplied) {
  Peer peer({.log = {1}});
  peer.Lead();
  EXPECT_TRUE(peer.raft->ProposeConfChange(ConfChange{.member = RaftId(4)}).conf_change_refused);
  peer.Work();
  peer.Acknowledge(2);
  EXPECT_FALSE(peer.raft->ProposeConfChange(ConfChange{.member = RaftId(4)}).conf_change_refused);
}

TEST(ConfChangeTest, AddingAMemberOrRemovingAStrangerIsNoChange) {
  Peer peer;
  const auto apply = [&](ConfChange change) {
    return peer.raft->ApplyConfChange({.term = Term(1),
                                       .index = Index(2),
                                       .type = EntryType::kConfChange,
                                       .data = MakePayload(Encode(change))});
  };
  const ConfState three{.voters = Ids({1, 2, 3})};
  EXPECT_EQ(apply({.member = RaftId(2)}), three);
  EXPECT_EQ(apply({.type = ConfChangeType::kRemove, .member = RaftId(9)}), three);
  EXPECT_EQ(apply({.type = ConfChangeType::kUpdate, .member = RaftId(2), .context = "new"}), three);
  EXPECT_EQ(apply({.type = ConfChangeType::kRemove, .member = RaftId()}), three)
      << "how a refused change is made harmless";
}

TEST(ConfChangeTest, ASmallerMajorityCommitsWhatWaited) {
  Peer peer({.voters = Ids({1, 2})});
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->ProposeConfChange(ConfChange{.type = ConfChangeType::kRemove, .member = RaftId(2)});
  peer.raft->Propose({MakePayload("waits")});
  peer.Work();
  peer.Hear({.type = MessageType::kAppendResponse,
             .from = RaftId(2),
             .term = Term(2),
             .index = Index(3)});
  EXPECT_EQ(peer.raft->log().committed(), Index(4));
}

TEST(ConfChangeTest, RemovingTheLastVoterStopsTheMember) {
  Peer peer({.voters = Ids({1})});
  peer.Lead();
  peer.raft->ProposeConfChange(ConfChange{.type = ConfChangeType::kRemove, .member = RaftId(1)});
  peer.Work();
  EXPECT_NE(peer.raft->fault(), "");
}

TEST(ConfChangeTest, AnEntryThatASnapshotHasOvertakenChangesNothing) {
  Peer peer;
  const auto snapshot = std::make_shared<const Snapshot>(
      Snapshot{{Index(9), Term(2)}, {.voters = Ids({1, 2, 5})}, MakePayload("s")});
  peer.Hear(
      {.type = MessageType::kSnapshot, .from = RaftId(2), .term = Term(2), .snapshot = snapshot});
  const ConfChange change{.type = ConfChangeType::kRemove, .member = RaftId(5)};
  const Entry entry{.term = Term(2),
                    .index = Index(8),
                    .type = EntryType::kConfChange,
                    .data = MakePayload(Encode(change))};
  EXPECT_EQ(peer.raft->ApplyConfChange(entry)->voters, Ids({1, 2, 5}));
}

TEST(TransferTest, TellsTheMemberAtOnceWhenItHasEverything) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->TransferLeadership(RaftId(2));
  EXPECT_EQ(Only(MessageType::kTimeoutNow, peer.Work()).size(), 1u);
  EXPECT_EQ(peer.raft->Propose({MakePayload("a")}).result, StepResult::kProposalDropped);
}

TEST(TransferTest, CatchesTheMemberUpFirst) {
  Peer peer;
  peer.Lead();
  peer.raft->TransferLeadership(RaftId(3));
  EXPECT_TRUE(Only(MessageType::kTimeoutNow, peer.Work()).empty());
  const std::vector<Message> said = peer.Hear({.type = MessageType::kAppendResponse,
                                               .from = RaftId(3),
                                               .term = Term(2),
                                               .index = Index(2)});
  EXPECT_EQ(Only(MessageType::kTimeoutNow, said).size(), 1u);
}

TEST(TransferTest, IsGivenUpAfterAnElectionTimeout) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->TransferLeadership(RaftId(3));
  peer.Tick(10);
  EXPECT_EQ(peer.raft->transferee(), kNobody);
  EXPECT_EQ(peer.raft->Propose({MakePayload("a")}).result, StepResult::kOk);
}

TEST(TransferTest, EndsWhenTheMemberIsRemoved) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->ProposeConfChange(ConfChange{.type = ConfChangeType::kRemove, .member = RaftId(3)});
  peer.raft->TransferLeadership(RaftId(3));
  peer.Work();
  peer.Acknowledge(2);
  EXPECT_EQ(peer.raft->transferee(), kNobody);
}

TEST(TransferTest, TheMemberCampaignsAtOnceWithoutPreVote) {
  Options options;
  options.pre_vote = true;
  Peer peer({.options = options});
  peer.Hear({.type = MessageType::kHeartbeat, .from = RaftId(2), .term = Term(2)});
  const std::vector<Message> said =
      peer.Hear({.type = MessageType::kTimeoutNow, .from = RaftId(2), .term = Term(2)});
  const std::vector<Message> votes = Only(MessageType::kVote, said);
  ASSERT_EQ(votes.size(), 2u);
  EXPECT_EQ(votes[0].context, "CampaignTransfer");
}

TEST(TransferTest, CandidatesAndLeadersIgnoreTheOrder) {
  Peer peer;
  peer.Lead();
  peer.Hear({.type = MessageType::kTimeoutNow, .from = RaftId(2), .term = Term(2)});
  EXPECT_EQ(peer.raft->role(), Role::kLeader);
}

// As Go writes it: every scalar, also a zero.
TEST(EncodingTest, ConfChangesAreEncodedAsGoDoes) {
  const ConfChange change{7, ConfChangeType::kRemove, RaftId(300), ""};
  EXPECT_EQ(Encode(change), std::string("\x08\x07\x10\x01\x18\xac\x02", 7));
  const std::optional<ConfChange> back =
      DecodeConfChange(Encode(ConfChange{7, {}, RaftId(5), "c"}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, 7u);
  EXPECT_EQ(back->member, RaftId(5));
  EXPECT_EQ(back->context, "c");
}

TEST(EncodingTest, DamagedAndForeignBytes) {
  EXPECT_FALSE(DecodeConfChange(std::string_view("\x08", 1)));
  EXPECT_FALSE(
      DecodeConfChange(std::string_view("\x22\x7f"
                                        "a",
                                        3)));
  EXPECT_TRUE(DecodeConfChange(std::string_view("\x98\x06\x01", 3)))
      << "unknown fields are skipped";
  EXPECT_TRUE(DecodeConfChangeV2("")->LeavesJoint()) << "no bytes at all leave a joint group";
}

TEST(EncodingTest, EntriesAreCountedAsEncoded) {
  EXPECT_EQ(EncodedBytes({.term = Term(1), .index = Index(1)}), 6u);
  EXPECT_EQ(EncodedBytes({.term = Term(300), .index = Index(1), .data = MakePayload("abc")}), 12u);
}

}  // namespace
}  // namespace swarm::raft::testing
