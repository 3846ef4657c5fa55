// Comparing messages and lists of them.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/util/message_differencer.h>

namespace swarm::controlapi {

// An absent message differs from an empty one.
inline bool Same(const google::protobuf::Message& a, const google::protobuf::Message& b) {
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

template <class List>
bool SameList(const List& a, const List& b) {
  if (a.size() != b.size()) return false;
  for (int i = 0; i < a.size(); ++i) {
    if (!Same(a.Get(i), b.Get(i))) return false;
  }
  return true;
}

}  // namespace swarm::controlapi
