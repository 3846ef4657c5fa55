// Appends, hints, flow control, commitment, snapshots.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_fixture.h"

namespace swarm::raft::testing {
namespace {

Message Append(std::uint64_t term, std::uint64_t index, std::uint64_t log_term,
               const std::vector<std::uint64_t>& terms, std::uint64_t commit = 1) {
  Message message{.type = MessageType::kAppend,
                  .from = RaftId(2),
                  .term = Term(term),
                  .log_term = Term(log_term),
                  .index = Index(index),
                  .commit = Index(commit)};
  for (const std::uint64_t entry_term : terms)
    message.entries.push_back({.term = Term(entry_term),
                               .index = Index(++index),
                               .data = MakePayload("x" + std::to_string(index))});
  return message;
}

Message Answer(std::uint64_t from, std::uint64_t term, std::uint64_t index) {
  return {.type = MessageType::kAppendResponse,
          .from = RaftId(from),
          .term = Term(term),
          .index = Index(index)};
}

// ---- as a follower

TEST(FollowerTest, AcknowledgesTheLastNewEntryNotItsOwnEnd) {
  Peer peer({.log = {2, 2, 2}, .hard_state = {Term(2), kNobody, Index(1)}});
  EXPECT_EQ(peer.Hear(Append(2, 1, 1, {2})).at(0).index, Index(2));
  EXPECT_EQ(peer.raft->log().LastIndex(), Index(4)) << "what agrees is not cut off";
}

TEST(FollowerTest, DropsAConflictingTail) {
  Peer peer({.log = {2, 2, 2}, .hard_state = {Term(2), kNobody, Index(1)}});
  EXPECT_EQ(peer.Hear(Append(3, 2, 2, {3})).at(0).index, Index(3));
  EXPECT_EQ(peer.raft->log().Last(), (Position{Index(3), Term(3)}));
}

TEST(FollowerTest, CommitsOnlyAsFarAsTheLogsWereCompared) {
  Peer peer({.log = {2, 2, 2}, .hard_state = {Term(2), kNobody, Index(1)}});
  peer.Hear(Append(3, 2, 2, {}, 4));
  EXPECT_EQ(peer.raft->log().committed(), Index(2));
}

TEST(FollowerTest, AnswersAnAppendFromBeforeItsCommitWithItsCommit) {
  Peer peer({.log = {2, 2}, .hard_state = {Term(2), kNobody, Index(3)}});
  EXPECT_EQ(peer.Hear(Append(2, 1, 1, {2})).at(0).index, Index(3));
}

TEST(FollowerTest, HintsWhereTheLogsMayMeet) {
  // Entries 2..4 of term 2, 5..6 of term 5; the leader asks about index 6 of term 3.
  Peer peer({.log = {2, 2, 2, 5, 5}, .hard_state = {Term(6), kNobody, Index(1)}});
  const Message answer = peer.Hear(Append(6, 6, 3, {})).at(0);
  EXPECT_TRUE(answer.reject);
  EXPECT_EQ(answer.index, Index(6)) << "what was asked";
  EXPECT_EQ(answer.reject_hint, Index(4));
  EXPECT_EQ(answer.log_term, Term(2));
}

TEST(FollowerTest, RulesOf2021HintTheirEndWithoutATerm) {
  Options options;
  options.variant = Variant::Rules2021();
  Peer peer(
      {.log = {2, 2, 2, 5, 5}, .hard_state = {Term(6), kNobody, Index(1)}, .options = options});
  const Message answer = peer.Hear(Append(6, 6, 3, {})).at(0);
  EXPECT_EQ(answer.reject_hint, Index(6));
  EXPECT_EQ(answer.log_term, Term());
}

TEST(FollowerTest, AnUncommittedEntryMayBeReplacedAndOldAppendsAreOnlyAnswered) {
  Peer peer({.log = {2, 2}, .hard_state = {Term(2), kNobody, Index(2)}});
  EXPECT_EQ(peer.Hear(Append(3, 2, 2, {3})).at(0).index, Index(3));
  EXPECT_EQ(peer.Hear(Append(3, 1, 1, {3})).at(0).index, Index(2)) << "its commit index";
  EXPECT_EQ(peer.raft->fault(), "");
  EXPECT_EQ(peer.raft->log().TermAt(Index(2)), Term(2));
}

TEST(FollowerTest, ASnapshotOfAnotherHistoryReplacesTheLog) {
  Peer peer({.log = {2, 2}, .hard_state = {Term(2), kNobody, Index(1)}});
  const auto snapshot = std::make_shared<const Snapshot>(
      Snapshot{{Index(3), Term(4)}, {.voters = Ids({1, 2})}, MakePayload("s")});
  peer.Hear(
      {.type = MessageType::kSnapshot, .from = RaftId(2), .term = Term(4), .snapshot = snapshot});
  EXPECT_EQ(peer.raft->log().Last(), (Position{Index(3), Term(4)}));
  EXPECT_EQ(peer.raft->log().FirstIndex(), Index(4));
  EXPECT_EQ(peer.raft->log().applied(), Index(3));
  EXPECT_EQ(peer.raft->configuration().voters.incoming.size(), 2u);
}

TEST(FollowerTest, AHeartbeatBeyondItsLogStopsTheMember) {
  // Its log was lost: a Go member panics here.
  Peer peer;
  peer.Hear(
      {.type = MessageType::kHeartbeat, .from = RaftId(2), .term = Term(2), .commit = Index(9)});
  EXPECT_EQ(peer.last_result, StepResult::kBroken);
  EXPECT_THAT(peer.raft->fault(), ::testing::HasSubstr("ends at 1"));
  EXPECT_FALSE(peer.raft->HasReady());
  peer.Tick(100);
  EXPECT_EQ(peer.raft->role(), Role::kFollower);
}

TEST(FollowerTest, AnAppendWithAGapInsideIsRefused) {
  Peer peer;
  Message append = Append(2, 1, 1, {2, 2});
  append.entries[1].index = Index(7);
  EXPECT_TRUE(peer.Hear(append).empty());
  EXPECT_EQ(peer.last_result, StepResult::kMalformed);
}

TEST(FollowerTest, TakesASnapshotThatOmitsIt) {
  // Leaders of 2021 send them to newcomers; the entry that adds it follows.
  Peer peer({.id = 4, .voters = {}});
  const auto snapshot = std::make_shared<const Snapshot>(
      Snapshot{{Index(5), Term(2)}, {.voters = Ids({1, 2, 3})}, MakePayload("s")});
  const std::vector<Message> said = peer.Hear(
      {.type = MessageType::kSnapshot, .from = RaftId(2), .term = Term(2), .snapshot = snapshot});
  EXPECT_EQ(said.at(0).index, Index(5));
  peer.Tick(100);
  EXPECT_EQ(peer.raft->role(), Role::kFollower) << "no member yet";
  const ConfChange change{.member = RaftId(4)};
  Message append = Append(2, 5, 2, {2}, 6);
  append.entries[0].type = EntryType::kConfChange;
  append.entries[0].data = MakePayload(Encode(change));
  peer.Hear(append);
  EXPECT_TRUE(peer.raft->voter());
}

TEST(FollowerTest, ASnapshotOfThePastChangesNothing) {
  Peer peer({.log = {2, 2}, .hard_state = {Term(2), kNobody, Index(2)}});
  const auto snapshot = [](std::uint64_t index, std::uint64_t term) {
    return std::make_shared<const Snapshot>(
        Snapshot{{Index(index), Term(term)}, {.voters = Ids({1, 2})}, MakePayload("s")});
  };
  Message old{.type = MessageType::kSnapshot, .from = RaftId(2), .term = Term(2)};
  old.snapshot = snapshot(2, 2);
  EXPECT_EQ(peer.Hear(old).at(0).index, Index(2));
  // Of an entry that is in the log: only the commit index moves.
  old.snapshot = snapshot(3, 2);
  EXPECT_EQ(peer.Hear(old).at(0).index, Index(3));
  EXPECT_EQ(peer.raft->configuration().voters.incoming.size(), 3u);
}

// ---- as the leader

TEST(LeaderTest, BeginsWithAnEntryWithoutData) {
  Peer peer;
  peer.Lead();
  const Entry first = peer.raft->log().unstable().empty()
                          ? peer.raft->log().Read(Index(2), kUnlimited).at(0)
                          : peer.raft->log().unstable().At(Index(2));
  EXPECT_EQ(first.data, nullptr) << "absent, which peers tell from empty";
}

TEST(LeaderTest, DoesNotCommitAnEarlierTermByCounting) {
  Peer peer({.log = {2}, .hard_state = {Term(2), kNobody, Index(1)}});
  peer.Lead();
  peer.Hear(Answer(2, 3, 2));
  EXPECT_EQ(peer.raft->log().committed(), Index(1));
  peer.Hear(Answer(2, 3, 3));
  EXPECT_EQ(peer.raft->log().committed(), Index(3)) << "with an entry of its own term, both";
}

TEST(LeaderTest, ItsOwnCopyCountsOnceItIsWritten) {
  Peer peer({.voters = Ids({1, 2})});
  peer.Lead();
  peer.Acknowledge(2);
  ASSERT_EQ(peer.raft->log().committed(), Index(2));
  peer.raft->Propose({MakePayload("a")});
  Message answer = Answer(2, 2, 3);
  peer.raft->Step(answer);
  EXPECT_EQ(peer.raft->log().committed(), Index(2));
  peer.Work();
  EXPECT_EQ(peer.raft->log().committed(), Index(3));
}

TEST(LeaderTest, HeartbeatsTellNoMoreThanTheMemberHas) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  ASSERT_EQ(peer.raft->log().committed(), Index(2));
  peer.Tick(1);
  for (const Message& message : Only(MessageType::kHeartbeat, peer.Work()))
    EXPECT_EQ(message.commit, message.to == RaftId(2) ? Index(2) : Index(0));
}

TEST(LeaderTest, ProbesAtTheHintAndWithItsTermEarlier) {
  // The leader: entries 2..3 of term 2, 4..6 of term 4, and its own.
  Peer peer({.log = {2, 2, 4, 4, 4}, .hard_state = {Term(4), kNobody, Index(1)}});
  peer.Lead();
  Message reject = Answer(2, 5, 6);
  reject.reject = true;
  reject.reject_hint = Index(5);
  reject.log_term = Term(3);
  EXPECT_EQ(peer.Hear(reject).at(0).index, Index(3)) << "the last entry of term 3 or earlier";
  // A member of 2021 names no term: its hint is taken as it is.
  reject.from = RaftId(3);
  reject.log_term = Term();
  EXPECT_EQ(peer.Hear(reject).at(0).index, Index(5));
}

TEST(LeaderTest, NeverProbesBelowWhatMatches) {
  Peer peer({.log = {2, 2}, .hard_state = {Term(2), kNobody, Index(1)}});
  peer.Lead();
  peer.Acknowledge(2);
  const Index matched = peer.raft->log().LastIndex();
  peer.raft->ReportUnreachable(RaftId(2));
  Message reject = Answer(2, 3, matched.value());
  reject.reject = true;
  peer.Hear(reject);
  EXPECT_EQ(peer.raft->members().at(RaftId(2)).next(), matched + 1);
}

TEST(LeaderTest, SendsOneProbeUntilAnAnswer) {
  Peer peer;
  peer.Lead();
  for (int i = 0; i < 3; ++i) peer.raft->Propose({MakePayload("a")});
  EXPECT_TRUE(Only(MessageType::kAppend, peer.Work()).empty());
  const std::vector<Message> said = Only(MessageType::kAppend, peer.Hear(Answer(2, 2, 2)));
  ASSERT_EQ(said.size(), 1u) << "nothing more to the one that has not answered";
  EXPECT_EQ(said[0].entries.size(), 3u);
}

TEST(LeaderTest, AFullWindowLetsOneEmptyAppendThroughPerSignOfLife) {
  Options options;
  options.max_inflight_appends = 2;
  Peer peer({.options = options});
  peer.Lead();
  peer.Acknowledge(2);
  for (int i = 0; i < 3; ++i) peer.raft->Propose({MakePayload("a")});
  peer.Work();
  ASSERT_TRUE(peer.raft->members().at(RaftId(2)).window().full());
  const std::vector<Message> said =
      peer.Hear({.type = MessageType::kHeartbeatResponse, .from = RaftId(2), .term = Term(2)});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_TRUE(said[0].entries.empty());
}

TEST(LeaderTest, RulesOf2021SendOnFromAFullWindow) {
  Options options;
  options.max_inflight_appends = 2;
  options.variant = Variant::Rules2021();
  Peer peer({.options = options});
  peer.Lead();
  peer.Acknowledge(2);
  for (int i = 0; i < 3; ++i) peer.raft->Propose({MakePayload("a")});
  peer.Work();
  const std::vector<Message> said =
      peer.Hear({.type = MessageType::kHeartbeatResponse, .from = RaftId(2), .term = Term(2)});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].entries.size(), 1u);
}

TEST(LeaderTest, BytesInFlightAreLimitedToo) {
  Options options;
  options.max_inflight_bytes = 10;
  Peer peer({.options = options});
  peer.Lead();
  peer.Acknowledge(2);
  for (int i = 0; i < 3; ++i) peer.raft->Propose({MakePayload("12345678")});
  EXPECT_EQ(peer.raft->members().at(RaftId(2)).window().count(), 2u);
}

TEST(LeaderTest, AnAppendHasAtLeastOneEntryAndAtMostItsBytes) {
  Options options;
  options.max_append_bytes = 10;
  Peer peer({.options = options});
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->Propose({MakePayload(std::string(100, 'a')), MakePayload("b")});
  for (const Message& message : Only(MessageType::kAppend, peer.Work()))
    EXPECT_EQ(message.entries.size(), message.to == RaftId(2) ? 1u : 0u);
}

TEST(LeaderTest, AGroupOfProposalsIsOneAppend) {
  Peer peer;
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->Propose({MakePayload("a"), MakePayload("b"), MakePayload("c")});
  const std::vector<Message> said = Only(MessageType::kAppend, peer.Work());
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].entries.size(), 3u);
  EXPECT_EQ(said[0].entries[0].data, peer.storage.LastIndex() == Index(5)
                                         ? peer.raft->log().Read(Index(3), kUnlimited)[0].data
                                         : nullptr)
      << "shared with the log, not copied";
}

TEST(LeaderTest, ASnapshotListsTheCurrentMembers) {
  Peer peer({.log = {1, 1}, .hard_state = {Term(1), kNobody, Index(3)}});
  peer.Lead();
  peer.Acknowledge(2);
  peer.raft->ProposeConfChange(ConfChange{.member = RaftId(4)});
  peer.Work();
  peer.Acknowledge(2);
  peer.storage.Compact(Index(3));  // its snapshot is from before the newcomer
  Message reject = Answer(4, 2, peer.raft->members().at(RaftId(4)).next().value() - 1);
  reject.reject = true;
  const std::vector<Message> said = Only(MessageType::kSnapshot, peer.Hear(reject));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_THAT(said[0].snapshot->conf_state.voters, ::testing::Contains(RaftId(4)));
  EXPECT_EQ(said[0].index, Index());
  EXPECT_EQ(said[0].log_term, Term());
}

TEST(LeaderTest, WhatBecameOfASnapshotDecidesWhereItProbes) {
  for (const bool arrived : {true, false}) {
    Peer peer({.log = {1, 1}, .hard_state = {Term(1), kNobody, Index(3)}});
    peer.Work();  // applies what is then compacted
    peer.storage.Compact(Index(3));
    auto snapshot = std::make_shared<const Snapshot>(
        Snapshot{{Index(3), Term(1)}, {.voters = Ids({1, 2, 3})}, MakePayload("s")});
    peer.storage.SetSnapshot(snapshot);
    peer.Lead();
    Message reject = Answer(3, 2, 3);
    reject.reject = true;
    ASSERT_EQ(Only(MessageType::kSnapshot, peer.Hear(reject)).size(), 1u);
    peer.raft->ReportSnapshot(RaftId(3), arrived);
    const Progress& progress = peer.raft->members().at(RaftId(3));
    EXPECT_EQ(progress.state(), ProgressState::kProbe);
    EXPECT_EQ(progress.next(), arrived ? Index(4) : Index(1));
    EXPECT_TRUE(progress.paused()) << "until the next sign of life";
  }
}

// ---- whether it still leads

Message Alive(std::uint64_t from, const Peer& peer, std::string context) {
  return {.type = MessageType::kHeartbeatResponse,
          .from = RaftId(from),
          .term = peer.raft->term(),
          .context = std::move(context)};
}

TEST(ConfirmationTest, AMajoritySaysSo) {
  Peer peer({.voters = Ids({1, 2, 3, 4, 5})});
  EXPECT_FALSE(peer.raft->ConfirmLeadership(1)) << "it does not lead";
  peer.Lead();
  ASSERT_TRUE(peer.raft->ConfirmLeadership(300));
  const auto asked = Only(MessageType::kHeartbeat, peer.Work());
  ASSERT_EQ(asked.size(), 4u);
  peer.Hear(Alive(2, peer, asked[0].context));
  EXPECT_EQ(peer.raft->confirmed_round(), 0u);
  peer.Hear(Alive(2, peer, asked[0].context));
  EXPECT_EQ(peer.raft->confirmed_round(), 0u) << "twice the same is one";
  peer.Hear(Alive(3, peer, ""));
  EXPECT_EQ(peer.raft->confirmed_round(), 0u) << "an answer to an earlier heartbeat";
  peer.Hear(Alive(4, peer, asked[0].context));
  EXPECT_EQ(peer.raft->confirmed_round(), 300u);
}

TEST(ConfirmationTest, OnlyWhatWasAskedCounts) {
  Peer peer;
  peer.Lead();
  peer.raft->ConfirmLeadership(1);
  const auto first = Only(MessageType::kHeartbeat, peer.Work());
  peer.raft->ConfirmLeadership(2);
  peer.Work();
  peer.Hear(Alive(2, peer, first[0].context));
  EXPECT_EQ(peer.raft->confirmed_round(), 1u) << "an old answer confirms the old round only";
  peer.Hear(Alive(2, peer, "\x09"));
  peer.Hear(Alive(2, peer, "much too long for a round"));
  EXPECT_EQ(peer.raft->confirmed_round(), 1u);
}

TEST(ConfirmationTest, LostQuestionsAreAskedAgainWithTheNextHeartbeat) {
  Peer peer;
  peer.Lead();
  peer.raft->ConfirmLeadership(7);
  const auto asked = Only(MessageType::kHeartbeat, peer.Work());
  peer.Tick(1);
  const auto again = Only(MessageType::kHeartbeat, peer.Work());
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].context, asked[0].context);
  peer.Hear(Alive(3, peer, again[1].context));
  EXPECT_EQ(peer.raft->confirmed_round(), 7u);
  peer.Tick(1);
  EXPECT_EQ(Only(MessageType::kHeartbeat, peer.Work()).at(0).context, "");
}

TEST(ConfirmationTest, AloneItNeedsNobody) {
  Peer peer({.voters = Ids({1})});
  peer.Lead();
  ASSERT_TRUE(peer.raft->ConfirmLeadership(4));
  EXPECT_EQ(peer.raft->confirmed_round(), 4u);
}

TEST(ConfirmationTest, FollowersSendBackWhatTheyWereAsked) {
  Peer peer;
  const auto said = peer.Hear(
      {.type = MessageType::kHeartbeat, .from = RaftId(2), .term = Term(5), .context = "\x07"});
  EXPECT_EQ(Only(MessageType::kHeartbeatResponse, said).at(0).context, "\x07");
}

}  // namespace
}  // namespace swarm::raft::testing
