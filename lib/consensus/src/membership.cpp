#include "consensus/membership.h"

#include "etcd/raftpb.pb.h"
#include "wal/wire.h"

namespace swarm::consensus {

using docker::swarmkit::v1::ClusterSnapshot;

Status Membership::Apply(const wal::Entry& entry) {
  if (entry.type == wal::EntryType::kNormal) return Status::Ok();
  const std::string place = "log entry " + std::to_string(entry.index.value());
  raftpb::ConfChange change;
  if (entry.type != wal::EntryType::kConfChange || !change.ParseFromString(entry.data)) {
    return Status(Code::kDataLoss, place + ": not a configuration change");
  }
  const std::uint64_t id = change.node_id();
  if (id == 0) return Status::Ok();
  switch (change.type()) {
    case raftpb::ConfChangeAddNode:
      voters.insert(id);
      [[fallthrough]];
    case raftpb::ConfChangeUpdateNode:
      if (docker::swarmkit::v1::RaftMember member; member.ParseFromString(change.context())) {
        members[id] = std::move(member);
      }
      break;
    case raftpb::ConfChangeRemoveNode:
      voters.erase(id);
      members.erase(id);
      removed.insert(id);
      break;
    default:
      break;
  }
  return Status::Ok();
}

std::string AddMemberChange(const docker::swarmkit::v1::RaftMember& member) {
  raftpb::ConfChange change;
  change.set_id(0);
  change.set_type(raftpb::ConfChangeAddNode);
  change.set_node_id(member.raft_id());
  change.set_context(member.SerializeAsString());
  return change.SerializeAsString();
}

std::string RemoveMemberChange(std::uint64_t raft_id, std::uint64_t change_id) {
  raftpb::ConfChange change;
  change.set_id(change_id);
  change.set_type(raftpb::ConfChangeRemoveNode);
  change.set_node_id(raft_id);
  return change.SerializeAsString();
}

Result<SnapshotParts> SplitSnapshot(std::string_view data) {
  SnapshotParts parts;
  std::uint64_t version = 0;
  ClusterSnapshot membership;
  bool good = true;
  wal::FieldReader reader(data);
  while (reader.Next()) {
    if (reader.IsNumber(1)) version = reader.number();
    if (reader.IsBytes(2)) {
      good =
          membership.ParseFromArray(reader.bytes().data(), static_cast<int>(reader.bytes().size()));
    }
    if (reader.IsBytes(3)) parts.store = reader.bytes();
  }
  if (!good || !reader.ok()) return Status(Code::kDataLoss, "snapshot: malformed");
  if (version != 0) {
    return Status(Code::kDataLoss, "unrecognized snapshot version " + std::to_string(version));
  }
  for (const auto& member : membership.members()) parts.members[member.raft_id()] = member;
  parts.removed.insert(membership.removed().begin(), membership.removed().end());
  return parts;
}

std::string SnapshotHead(const ClusterSnapshot& membership, std::size_t store_size) {
  std::string data;
  wal::PutBytes(data, 2, membership.SerializeAsString());
  wal::PutBytesHeader(data, 3, store_size);
  return data;
}

}  // namespace swarm::consensus
