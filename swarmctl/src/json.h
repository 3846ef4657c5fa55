// Objects as protobuf's JSON: fields named as in the .proto files and always present, map entries
// in order of their keys, 64-bit numbers and bytes as strings.
#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace swarm::ctl {

// Indented; ends without a newline.
std::string ToJson(const google::protobuf::Message& message);

template <class List>
std::string ToJsonArray(const List& list) {
  std::string out;
  for (const auto& message : list) out += (out.empty() ? "\n" : ",\n") + ToJson(message);
  return "[" + out + (out.empty() ? "]" : "\n]");
}

}  // namespace swarm::ctl
