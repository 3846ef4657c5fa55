#include "wire.h"

#include <utility>

namespace swarm::raft {
namespace {

using docker::swarmkit::v1::StreamRaftMessageRequest;

void PutSnapshot(const Snapshot& from, raftpb::Snapshot& to) {
  if (from.data) to.set_data(*from.data);
  raftpb::SnapshotMetadata& metadata = *to.mutable_metadata();
  metadata.set_index(from.position.index.value());
  metadata.set_term(from.position.term.value());
  raftpb::ConfState& members = *metadata.mutable_conf_state();
  for (const RaftId id : from.conf_state.voters) members.add_voters(id.value());
  for (const RaftId id : from.conf_state.learners) members.add_learners(id.value());
  members.set_auto_leave(from.conf_state.auto_leave);
}

SnapshotRef TakeSnapshot(raftpb::Snapshot& from) {
  auto snapshot = std::make_shared<Snapshot>();
  const raftpb::SnapshotMetadata& metadata = from.metadata();
  snapshot->position = {Index(metadata.index()), Term(metadata.term())};
  const raftpb::ConfState& members = metadata.conf_state();
  for (const std::uint64_t id : members.voters()) snapshot->conf_state.voters.push_back(RaftId(id));
  for (const std::uint64_t id : members.learners()) {
    snapshot->conf_state.learners.push_back(RaftId(id));
  }
  for (const std::uint64_t id : members.voters_outgoing()) {
    snapshot->conf_state.voters_outgoing.push_back(RaftId(id));
  }
  for (const std::uint64_t id : members.learners_next()) {
    snapshot->conf_state.learners_next.push_back(RaftId(id));
  }
  snapshot->conf_state.auto_leave = members.auto_leave();
  snapshot->data = MakePayload(std::move(*from.mutable_data()));
  return snapshot;
}

bool IsForPeers(raftpb::MessageType type) {
  switch (type) {
    case raftpb::MsgProp:
    case raftpb::MsgApp:
    case raftpb::MsgAppResp:
    case raftpb::MsgVote:
    case raftpb::MsgVoteResp:
    case raftpb::MsgSnap:
    case raftpb::MsgHeartbeat:
    case raftpb::MsgHeartbeatResp:
    case raftpb::MsgTransferLeader:
    case raftpb::MsgTimeoutNow:
    case raftpb::MsgPreVote:
    case raftpb::MsgPreVoteResp:
      return true;
    default:
      return false;
  }
}

}  // namespace

raftpb::Message ToWire(const Message& message) {
  raftpb::Message wire;
  wire.set_type(static_cast<raftpb::MessageType>(message.type));
  wire.set_to(message.to.value());
  wire.set_from(message.from.value());
  wire.set_term(message.term.value());
  wire.set_logterm(message.log_term.value());
  wire.set_index(message.index.value());
  wire.set_commit(message.commit.value());
  wire.set_reject(message.reject);
  wire.set_rejecthint(message.reject_hint.value());
  if (!message.context.empty()) wire.set_context(message.context);
  for (const Entry& entry : message.entries) {
    raftpb::Entry& to = *wire.add_entries();
    to.set_term(entry.term.value());
    to.set_index(entry.index.value());
    to.set_type(static_cast<raftpb::EntryType>(entry.type));
    if (entry.data) to.set_data(*entry.data);
  }
  if (message.snapshot) PutSnapshot(*message.snapshot, *wire.mutable_snapshot());
  return wire;
}

std::optional<Message> FromWire(raftpb::Message wire) {
  if (!IsForPeers(wire.type())) return std::nullopt;
  Message message;
  message.type = static_cast<MessageType>(wire.type());
  message.to = RaftId(wire.to());
  message.from = RaftId(wire.from());
  message.term = Term(wire.term());
  message.log_term = Term(wire.logterm());
  message.index = Index(wire.index());
  message.commit = Index(wire.commit());
  message.reject = wire.reject();
  message.reject_hint = Index(wire.rejecthint());
  message.context = wire.context();
  message.entries.reserve(static_cast<std::size_t>(wire.entries_size()));
  for (raftpb::Entry& from : *wire.mutable_entries()) {
    Entry entry{Term(from.term()), Index(from.index()), static_cast<EntryType>(from.type()), {}};
    if (from.has_data()) entry.data = MakePayload(std::move(*from.mutable_data()));
    message.entries.push_back(std::move(entry));
  }
  // Peers of 2021 add an empty one to everything.
  if (message.type == MessageType::kSnapshot)
    message.snapshot = TakeSnapshot(*wire.mutable_snapshot());
  return message;
}

std::vector<StreamRaftMessageRequest> Split(StreamRaftMessageRequest request,
                                            std::size_t max_bytes) {
  std::vector<StreamRaftMessageRequest> pieces;
  const bool large = request.ByteSizeLong() > max_bytes;
  if (request.message().type() != raftpb::MsgSnap || !large) {
    pieces.push_back(std::move(request));
    return pieces;
  }
  const std::string data =
      std::move(*request.mutable_message()->mutable_snapshot()->mutable_data());
  // What is left of a message when all fields but the data are in it. The lengths in front of the
  // data and of what holds it grow with it; they were measured with all of it.
  request.mutable_message()->mutable_snapshot()->set_data(data);
  const std::size_t piece = max_bytes - (request.ByteSizeLong() - data.size());
  for (std::size_t at = 0; at < data.size(); at += piece) {
    request.mutable_message()->mutable_snapshot()->set_data(data.substr(at, piece));
    pieces.push_back(request);
  }
  return pieces;
}

}  // namespace swarm::raft
