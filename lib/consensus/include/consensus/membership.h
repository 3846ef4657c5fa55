// Who is in the group, as snapshot and log tell it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"
#include "swarmkit/v1/raft.pb.h"
#include "swarmkit/v1/snapshot.pb.h"
#include "wal/types.h"

namespace swarm::consensus {

struct Membership {
  std::set<std::uint64_t> voters;
  // How the voters are reached, as far as the log has said it.
  std::map<std::uint64_t, docker::swarmkit::v1::RaftMember> members;
  std::set<std::uint64_t> removed;

  // Takes in one log entry; only configuration changes matter. DataLoss when one is malformed.
  Status Apply(const wal::Entry& entry);
};

// A raftpb.ConfChange. `member`: for additions, else null.
std::string AddMemberChange(const docker::swarmkit::v1::RaftMember& member);
std::string RemoveMemberChange(std::uint64_t raft_id, std::uint64_t change_id);

// The parts of a snapshot's data, a docker.swarmkit.v1.Snapshot.
struct SnapshotParts {
  std::map<std::uint64_t, docker::swarmkit::v1::RaftMember> members;
  std::set<std::uint64_t> removed;
  std::string_view store;  // a serialised StoreSnapshot, within the data
};
Result<SnapshotParts> SplitSnapshot(std::string_view data);
// All of a snapshot's data but the store's part, which follows it.
std::string SnapshotHead(const docker::swarmkit::v1::ClusterSnapshot& membership,
                         std::size_t store_size);

}  // namespace swarm::consensus
