// What raft is made of: entries, messages, snapshots, and what must survive a crash. Plain values;
// an entry's payload and a snapshot are shared, so copying either copies no content.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/ids.h"

namespace swarm::raft {

inline constexpr RaftId kNobody{};

constexpr Index operator+(Index index, std::uint64_t n) { return Index(index.value() + n); }
constexpr Index operator-(Index index, std::uint64_t n) { return Index(index.value() - n); }
constexpr std::uint64_t operator-(Index a, Index b) { return a.value() - b.value(); }
constexpr Term operator+(Term term, std::uint64_t n) { return Term(term.value() + n); }

// As in raftpb.EntryType.
enum class EntryType : std::uint8_t { kNormal = 0, kConfChange = 1, kConfChangeV2 = 2 };

// Null: the entry has none, which peers tell from an empty one.
using Payload = std::shared_ptr<const std::string>;

inline Payload MakePayload(std::string data) {
  return std::make_shared<const std::string>(std::move(data));
}

// In all of these, {} lets an initialiser name only some members.
struct Entry {
  Term term{};
  Index index{};
  EntryType type = EntryType::kNormal;
  Payload data{};
};

inline std::size_t PayloadBytes(const Entry& entry) { return entry.data ? entry.data->size() : 0; }
// Encoded as raftpb.Entry, which is what the limits of SwarmKit's peers count.
std::size_t EncodedBytes(const Entry& entry);

// Where a log ends, or what an entry follows.
struct Position {
  Index index;
  Term term;

  friend bool operator==(const Position&, const Position&) = default;
};

// What must be on disk before anything that follows from it is said.
struct HardState {
  Term term;
  RaftId vote;
  Index commit;

  bool empty() const { return *this == HardState(); }
  friend bool operator==(const HardState&, const HardState&) = default;
};

// Who belongs to the group. More than `voters` and `learners` only while two configurations are
// in force at once.
struct ConfState {
  std::vector<RaftId> voters{};
  std::vector<RaftId> learners{};
  std::vector<RaftId> voters_outgoing{};
  std::vector<RaftId> learners_next{};
  bool auto_leave = false;

  friend bool operator==(const ConfState&, const ConfState&) = default;
};

struct Snapshot {
  Position position;  // of the last entry it contains
  ConfState conf_state;
  Payload data;
};

using SnapshotRef = std::shared_ptr<const Snapshot>;

// As in raftpb.MessageType. What is missing here (2021 and later libraries keep some for
// themselves) is ignored when it comes from a peer.
enum class MessageType : std::uint8_t {
  kProposal = 2,
  kAppend = 3,
  kAppendResponse = 4,
  kVote = 5,
  kVoteResponse = 6,
  kSnapshot = 7,
  kHeartbeat = 8,
  kHeartbeatResponse = 9,
  kTransferLeader = 13,
  kTimeoutNow = 14,
  kPreVote = 17,
  kPreVoteResponse = 18,
};

// SwarmKit's peers know a forced election by this context.
inline constexpr std::string_view kCampaignTransfer = "CampaignTransfer";

struct Message {
  MessageType type = MessageType::kProposal;
  RaftId to{};
  RaftId from{};
  Term term{};
  Term log_term{};
  Index index{};
  Index commit{};
  Index reject_hint{};
  bool reject = false;
  std::vector<Entry> entries{};
  SnapshotRef snapshot{};
  std::string context{};
};

enum class Role : std::uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

// Whether it answers something that the receiver asked.
constexpr bool IsResponse(MessageType type) {
  return type == MessageType::kAppendResponse || type == MessageType::kVoteResponse ||
         type == MessageType::kHeartbeatResponse || type == MessageType::kPreVoteResponse;
}

}  // namespace swarm::raft
