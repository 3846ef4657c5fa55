// The core's messages as peers write them, raftpb.Message, and back.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/types.h"
#include "etcd/raftpb.pb.h"
#include "swarmkit/v1/raft.pb.h"

namespace swarm::raft {

// As every generation of peers understands it: scalar fields always there, a no-op without data.
raftpb::Message ToWire(const Message& message);
// None: of a type that only peers use among themselves, to be ignored. A snapshot's data is moved.
std::optional<Message> FromWire(raftpb::Message wire);

// Peers take messages of up to 4 MiB; a larger snapshot travels in pieces.
inline constexpr std::size_t kMaxWireBytes = 4 << 20;

// The requests to be sent for one message: itself, or for a snapshot that is too large as many as
// it needs, each with all other fields and a piece of the data, in order.
std::vector<docker::swarmkit::v1::StreamRaftMessageRequest> Split(
    docker::swarmkit::v1::StreamRaftMessageRequest request, std::size_t max_bytes = kMaxWireBytes);

}  // namespace swarm::raft
