// What becomes of messages on their way to one member, and of large ones.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "peer.h"
#include "swarm/rpc_typed.h"
#include "swarmkit/v1/raft.pb.h"
#include "wire.h"

namespace swarm::raft::testing {
namespace {

namespace pb = ::docker::swarmkit::v1;

constexpr std::string_view kProcess = "/docker.swarmkit.v1.Raft/ProcessRaftMessage";

pb::StreamRaftMessageRequest SnapshotOf(const std::string& data) {
  pb::StreamRaftMessageRequest request;
  request.mutable_message()->set_type(raftpb::MsgSnap);
  request.mutable_message()->set_to(2);
  request.mutable_message()->mutable_snapshot()->set_data(data);
  request.mutable_message()->mutable_snapshot()->mutable_metadata()->set_index(9);
  return request;
}

// Pinned by SwarmKit: as many pieces as it needs, each with everything but the data, which together
// are the whole.
TEST(SplitTest, ASnapshotTravelsInPiecesOfTheLargestSize) {
  std::string data(10'000, 'a');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7);
  constexpr std::size_t kMax = 1'000;
  const auto pieces = Split(SnapshotOf(data), kMax);
  const std::size_t overhead = SnapshotOf(data).ByteSizeLong() - data.size();
  EXPECT_EQ(pieces.size(), (data.size() + kMax - overhead - 1) / (kMax - overhead));
  std::string whole;
  for (const auto& piece : pieces) {
    EXPECT_LE(piece.ByteSizeLong(), kMax);
    EXPECT_EQ(piece.message().to(), 2u);
    EXPECT_EQ(piece.message().snapshot().metadata().index(), 9u);
    whole += piece.message().snapshot().data();
  }
  EXPECT_EQ(whole, data);
}

TEST(SplitTest, WhatFitsOrIsNoSnapshotStaysWhole) {
  auto fits = SnapshotOf("small");
  EXPECT_EQ(Split(fits, fits.ByteSizeLong()).size(), 1u);
  fits.mutable_message()->set_type(raftpb::MsgApp);
  EXPECT_EQ(Split(fits, 5).size(), 1u);
}

// A member that answers when it is told to.
class FakeStream final : public ClientStream {
 public:
  void Send(::swarm::Payload message, Function<void(bool)> done) noexcept override {
    frames.push_back(*message.As<pb::StreamRaftMessageRequest>().value());
    done(true);
  }
  void CloseSend() noexcept override { closed = true; }
  void Read(Function<void(Result<std::optional<::swarm::Payload>>)> done) noexcept override {
    reply = std::move(done);
  }
  void Cancel() noexcept override {}
  void Reply(Result<std::optional<::swarm::Payload>> result) {
    std::exchange(reply, nullptr)(std::move(result));
  }

  std::vector<pb::StreamRaftMessageRequest> frames;
  bool closed = false;
  Function<void(Result<std::optional<::swarm::Payload>>)> reply;
};

class FakeChannel final : public Channel {
 public:
  class Pending final : public PendingCall {
   public:
    void Cancel() noexcept override {}
  };
  std::shared_ptr<PendingCall> Call(
      std::string_view method, CallOptions, ::swarm::Payload request,
      Function<void(Result<::swarm::Payload>)> done) noexcept override {
    methods.emplace_back(method);
    if (method == kProcess) {
      messages.push_back(request.As<pb::ProcessRaftMessageRequest>().value()->message());
    }
    answer = std::move(done);
    return std::make_shared<Pending>();
  }
  std::shared_ptr<ClientStream> Open(std::string_view, CallOptions) noexcept override {
    stream = std::make_shared<FakeStream>();
    return stream;
  }
  void Answer(Result<::swarm::Payload> result) {
    std::exchange(answer, nullptr)(std::move(result));
  }
  void Ok() { Answer(::swarm::Payload::Of(pb::ProcessRaftMessageResponse())); }

  std::vector<std::string> methods;
  std::vector<raftpb::Message> messages;
  Function<void(Result<::swarm::Payload>)> answer;
  std::shared_ptr<FakeStream> stream;
};

class PeerTest : public ::testing::Test {
 protected:
  PeerTest() {
    parts_->events = std::make_shared<TransportEvents>();
    parts_->events->unreachable = [this](RaftId) { ++unreachable_; };
    parts_->events->snapshot = [this](RaftId, bool arrived) { snapshots_.push_back(arrived); };
    parts_->events->activity = [this](RaftId, bool active) { active_ = active; };
    parts_->events->removed = [this] { ++removed_; };
    parts_->dial = [this](const std::string& address) -> Result<std::shared_ptr<Channel>> {
      dialled_.push_back(address);
      channel_ = std::make_shared<FakeChannel>();
      channels_.push_back(channel_);
      return std::shared_ptr<Channel>(channel_);
    };
    peer_ = std::make_shared<Peer>(RaftId(2), "m2:4242", parts_);
  }
  // A real channel ends its calls when it goes; these keep what nobody has answered.
  ~PeerTest() override {
    for (const auto& channel : channels_) {
      channel->answer = nullptr;
      if (channel->stream) channel->stream->reply = nullptr;
    }
  }
  static Message Vote(std::uint64_t term) {
    return {.type = MessageType::kVote, .to = RaftId(2), .from = RaftId(1), .term = Term(term)};
  }
  static Message Append(std::uint64_t index) {
    return {.type = MessageType::kAppend,
            .to = RaftId(2),
            .from = RaftId(1),
            .term = Term(1),
            .index = Index(index),
            .entries = {Entry{Term(1), Index(index + 1), EntryType::kNormal, MakePayload("x")}}};
  }
  static Message Snap() {
    return {.type = MessageType::kSnapshot,
            .to = RaftId(2),
            .from = RaftId(1),
            .term = Term(1),
            .snapshot = std::make_shared<const Snapshot>(
                Snapshot{{Index(9), Term(1)}, {}, MakePayload("state")})};
  }

  std::shared_ptr<PeerParts> parts_ = std::make_shared<PeerParts>();
  std::vector<std::shared_ptr<FakeChannel>> channels_;
  std::shared_ptr<FakeChannel> channel_;
  std::shared_ptr<Peer> peer_;
  std::vector<std::string> dialled_;
  int unreachable_ = 0;
  int removed_ = 0;
  std::vector<bool> snapshots_;
  std::optional<bool> active_;
};

// Pinned by SwarmKit: order and addressing are kept.
TEST_F(PeerTest, MessagesGoOneAfterTheOther) {
  for (std::uint64_t term = 1; term <= 3; ++term) peer_->Send(Vote(term));
  ASSERT_EQ(channel_->messages.size(), 1u) << "the next waits for the answer";
  channel_->Ok();
  channel_->Ok();
  channel_->Ok();
  ASSERT_EQ(channel_->messages.size(), 3u);
  for (std::uint64_t term = 1; term <= 3; ++term) {
    EXPECT_EQ(channel_->messages[term - 1].term(), term);
    EXPECT_EQ(channel_->messages[term - 1].to(), 2u);
  }
  EXPECT_EQ(active_, true);
}

TEST_F(PeerTest, AppendsThatWaitAreJoined) {
  for (std::uint64_t index = 1; index <= 4; ++index) peer_->Send(Append(index));
  channel_->Ok();
  ASSERT_EQ(channel_->messages.size(), 2u);
  EXPECT_EQ(channel_->messages[1].index(), 2u);
  EXPECT_EQ(channel_->messages[1].entries_size(), 3);
}

TEST_F(PeerTest, AFailureIsToldAndWhatWaitedIsDropped) {
  peer_->Send(Vote(1));
  peer_->Send(Vote(2));
  channel_->Answer(Status(Code::kUnavailable, "gone"));
  EXPECT_EQ(unreachable_, 1);
  EXPECT_EQ(active_, false);
  peer_->Send(Vote(3));
  ASSERT_EQ(channel_->messages.size(), 2u);
  EXPECT_EQ(channel_->messages[1].term(), 3u);
}

// Pinned by SwarmKit: a full queue means unreachable.
TEST_F(PeerTest, AFullQueueIsToldToo) {
  for (std::uint64_t term = 1; term <= 4097; ++term) peer_->Send(Vote(term));
  EXPECT_EQ(unreachable_, 0);
  peer_->Send(Vote(9999));
  EXPECT_EQ(unreachable_, 1);
}

// Pinned by SwarmKit: this pair of code and text, and no other, says that we were removed.
TEST_F(PeerTest, ARemovedMemberIsToldSoByOneAnswer) {
  peer_->Send(Vote(1));
  channel_->Answer(Status(Code::kNotFound, "no such thing"));
  EXPECT_EQ(removed_, 0);
  peer_->Send(Vote(2));
  channel_->Answer(Status(Code::kNotFound, "raft: member was removed from the cluster"));
  EXPECT_EQ(removed_, 1);
}

// Pinned by SwarmKit: what became of a snapshot is told.
TEST_F(PeerTest, ASnapshotHasAWayOfItsOwn) {
  peer_->Send(Vote(1));
  peer_->Send(Snap());
  ASSERT_NE(channel_->stream, nullptr) << "does not wait for the vote";
  EXPECT_EQ(channel_->stream->frames.size(), 1u);
  EXPECT_TRUE(channel_->stream->closed);
  channel_->stream->Reply(std::optional(::swarm::Payload::Of(pb::StreamRaftMessageResponse())));
  EXPECT_EQ(snapshots_, std::vector<bool>{true});
  peer_->Send(Snap());
  channel_->stream->Reply(Status(Code::kUnavailable, "gone"));
  EXPECT_EQ(snapshots_, (std::vector<bool>{true, false}));
  EXPECT_EQ(unreachable_, 1);
}

// Pinned by SwarmKit: one without streams gets it in one call.
TEST_F(PeerTest, AMemberWithoutStreamsGetsTheSnapshotWhole) {
  peer_->Send(Snap());
  channel_->stream->Reply(Status(Code::kUnimplemented, "unknown method"));
  ASSERT_EQ(channel_->messages.size(), 1u);
  EXPECT_EQ(channel_->messages[0].snapshot().data(), "state");
  EXPECT_TRUE(snapshots_.empty());
  channel_->Ok();
  EXPECT_EQ(snapshots_, std::vector<bool>{true});
}

// Pinned by SwarmKit: what was said to a member before its removal still leaves.
TEST_F(PeerTest, AStoppedOneFinishesAndTellsNothing) {
  peer_->Send(Vote(1));
  peer_->Send(Vote(2));
  peer_->Stop();
  channel_->Ok();
  ASSERT_EQ(channel_->messages.size(), 2u);
  channel_->Answer(Status(Code::kUnavailable, "gone"));
  EXPECT_EQ(unreachable_, 0);
  EXPECT_FALSE(active_);
  peer_->Send(Vote(3));
  EXPECT_EQ(channel_->messages.size(), 2u);
}

TEST_F(PeerTest, ANewAddressCountsAtOnce) {
  peer_->Send(Vote(1));
  channel_->Ok();
  peer_->SetAddress("m2:5353");
  peer_->Send(Vote(2));
  EXPECT_EQ(dialled_, (std::vector<std::string>{"m2:4242", "m2:5353"}));
}

// A connection that failed waits longer and longer before its next try; who speaks to us is up.
TEST_F(PeerTest, OneThatIsHeardAfterAFailureIsDialledAnew) {
  peer_->Send(Vote(1));
  peer_->Heard();
  EXPECT_EQ(dialled_.size(), 1u) << "a try is under way";
  channel_->Answer(Status(Code::kUnavailable, "gone"));
  peer_->Send(Vote(2));
  EXPECT_EQ(dialled_.size(), 1u);
  channel_->Answer(Status(Code::kUnavailable, "gone"));
  peer_->Heard();
  peer_->Send(Vote(3));
  EXPECT_EQ(dialled_.size(), 2u);
  channel_->Ok();
  peer_->Heard();
  peer_->Send(Vote(4));
  EXPECT_EQ(dialled_.size(), 2u);
}

TEST_F(PeerTest, AProbeTellsWhetherItIsUp) {
  peer_->Probe();
  peer_->Probe();
  EXPECT_EQ(channel_->methods, std::vector<std::string>{"/docker.swarmkit.v1.Health/Check"});
  channel_->Answer(Status(Code::kUnavailable, "gone"));
  EXPECT_EQ(active_, false);
  EXPECT_EQ(unreachable_, 0) << "no message was lost";
}

}  // namespace
}  // namespace swarm::raft::testing
