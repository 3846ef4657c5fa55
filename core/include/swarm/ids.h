// Names and numbers as distinct types, so that one cannot be passed for another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "swarm/export.h"

namespace swarm {

class Random;

// 25 characters of [0-9a-z], about 129 random bits: how SwarmKit names every object, node and
// session. Everyone treats it as opaque.
SWARM_EXPORT std::string NewId(Random& random);

// A string that names one kind of thing. Empty means "none".
template <class Tag>
class StringId {
 public:
  StringId() = default;
  explicit StringId(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  friend auto operator<=>(const StringId&, const StringId&) = default;
  friend std::ostream& operator<<(std::ostream& out, const StringId& id) {
    return out << id.value_;
  }

 private:
  std::string value_;
};

// A counter or number of one kind.
template <class Tag>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(std::uint64_t value) : value_(value) {}
  constexpr std::uint64_t value() const { return value_; }
  constexpr Number Next() const { return Number(value_ + 1); }
  friend constexpr auto operator<=>(const Number&, const Number&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Number& n) { return out << n.value_; }

 private:
  std::uint64_t value_ = 0;
};

using NodeId = StringId<struct NodeIdTag>;
using ServiceId = StringId<struct ServiceIdTag>;
using TaskId = StringId<struct TaskIdTag>;
using ClusterId = StringId<struct ClusterIdTag>;
using SessionId = StringId<struct SessionIdTag>;

// A member of the consensus group; 0 is nobody.
using RaftId = Number<struct RaftIdTag>;
using Term = Number<struct TermTag>;
// Position of an entry in the consensus log; the first entry has 1, 0 is "before all".
using Index = Number<struct IndexTag>;
// One period of leadership of this node; strictly rising, 0 is none.
using LeaderEpoch = Number<struct LeaderEpochTag>;
// One unbroken run of proposals within a period of leadership; strictly rising, 0 is none.
using ProposalEpoch = Number<struct ProposalEpochTag>;
// Position of a proposal within its ProposalEpoch; the first has 1.
using Sequence = Number<struct SequenceTag>;

}  // namespace swarm

template <class Tag>
struct std::hash<swarm::StringId<Tag>> {
  std::size_t operator()(const swarm::StringId<Tag>& id) const {
    return std::hash<std::string>()(id.str());
  }
};
template <class Tag>
struct std::hash<swarm::Number<Tag>> {
  std::size_t operator()(const swarm::Number<Tag>& n) const {
    return std::hash<std::uint64_t>()(n.value());
  }
};
