// Changes of who belongs to the group, and their encoding in log entries: raftpb.ConfChange (one
// member; the only form SwarmKit's managers write and read) and raftpb.ConfChangeV2 (several).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace swarm::raft {

enum class ConfChangeType : std::uint8_t {
  kAddVoter = 0,
  kRemove = 1,
  kUpdate = 2,  // nothing of raft's: only the context is of interest
  kAddLearner = 3,
};

struct ConfChange {
  std::uint64_t id = 0;  // the proposer's, to know it again
  ConfChangeType type = ConfChangeType::kAddVoter;
  RaftId member{};
  std::string context{};
};

enum class Transition : std::uint8_t {
  kAuto = 0,           // through a joint configuration only if several voters change
  kJointImplicit = 1,  // through a joint configuration, which the leader leaves by itself
  kJointExplicit = 2,  // stays joint until an empty change
};

struct ConfChangeStep {
  ConfChangeType type = ConfChangeType::kAddVoter;
  RaftId member{};
};

struct ConfChangeV2 {
  Transition transition = Transition::kAuto;
  std::vector<ConfChangeStep> steps;
  std::string context{};

  bool LeavesJoint() const { return transition == Transition::kAuto && steps.empty(); }
  bool EntersJoint() const { return transition != Transition::kAuto || steps.size() > 1; }
  bool LeavesByItself() const { return transition != Transition::kJointExplicit; }
};

ConfChangeV2 ToV2(const ConfChange& change);

std::string Encode(const ConfChange& change);
std::string Encode(const ConfChangeV2& change);
// Fields that are not known are skipped. None: the bytes are no such message.
std::optional<ConfChange> DecodeConfChange(std::string_view bytes);
std::optional<ConfChangeV2> DecodeConfChangeV2(std::string_view bytes);

inline bool IsConfChange(const Entry& entry) { return entry.type != EntryType::kNormal; }
// What a conf change entry of either form says. None: it cannot be decoded.
std::optional<ConfChangeV2> DecodeConfChange(const Entry& entry);

}  // namespace swarm::raft
