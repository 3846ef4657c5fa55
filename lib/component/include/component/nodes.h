// Rules about nodes that several components share.
#pragma once

#include <google/protobuf/util/message_differencer.h>

#include "swarmkit/v1/objects.pb.h"

namespace swarm::component {

// Whether both are alike in what decides which tasks a node may have: its specification, what it
// says of itself, its role and its address.
inline bool SamePlace(const docker::swarmkit::v1::Node& a, const docker::swarmkit::v1::Node& b) {
  using google::protobuf::util::MessageDifferencer;
  return a.role() == b.role() && a.status().addr() == b.status().addr() &&
         MessageDifferencer::Equals(a.spec(), b.spec()) &&
         MessageDifferencer::Equals(a.description(), b.description());
}

}  // namespace swarm::component
