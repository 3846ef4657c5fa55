// The placement language: expressions such as "node.labels.zone == eu-1" that a node must satisfy
// to run a service's tasks.
//
//   key      node.id, node.hostname, node.ip, node.role, node.platform.os, node.platform.arch,
//            node.labels.<label>, engine.labels.<label>; any other key is satisfied by no node
//   operator == or !=
//   value    compared whole and without regard to case; for node.ip an address or a subnet
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"
#include "swarmkit/v1/objects.pb.h"

namespace swarm::constraint {

namespace pb = ::docker::swarmkit::v1;

// An address, or all addresses that begin with `prefix_bits` of it.
struct Subnet {
  std::array<std::uint8_t, 16> bytes{};
  int length = 0;  // 4 or 16
  int prefix_bits = 0;

  bool Contains(const Subnet& address) const;
  friend bool operator==(const Subnet&, const Subnet&) = default;
};

// "10.0.0.1" or "2001:db8::1"; an IPv4 address inside IPv6 is the IPv4 address.
std::optional<Subnet> ParseAddress(std::string_view text);
// "10.0.0.0/8".
std::optional<Subnet> ParseSubnet(std::string_view text);

enum class Subject : std::uint8_t {
  kNodeId,
  kHostname,
  kAddress,
  kRole,
  kOs,
  kArchitecture,
  kNodeLabel,
  kEngineLabel,
  kUnknown,
};

// One parsed expression.
struct Constraint {
  Subject subject = Subject::kUnknown;
  bool equal = true;             // == or !=
  std::string label;             // of label subjects; its case counts
  std::string value;             // case folded
  std::optional<Subnet> subnet;  // the value of kAddress, unless it is none
};

using Expressions = google::protobuf::RepeatedPtrField<std::string>;

// Errors carry SwarmKit's texts and the code Unknown, as clients of the control API get them.
Result<Constraint> ParseOne(std::string_view expression);
Result<std::vector<Constraint>> Parse(const Expressions& expressions);

bool Match(const Constraint& constraint, const pb::Node& node);
// Whether the node satisfies all of them.
bool Match(std::span<const Constraint> constraints, const pb::Node& node);

}  // namespace swarm::constraint
