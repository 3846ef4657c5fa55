// The index keys of an object.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reference_state.h"

namespace swarm::fakes {

// Field `number` of `message`, which is a message.
const google::protobuf::Message& Child(const google::protobuf::Message& message, int number);
// A task as the message it is on the wire; other objects as they are.
MessagePtr AsMessage(Table table, const Object& object);

std::string LowerCase(std::string text);
// The lower-cased name; none for a node without description.
std::optional<std::string> NameKey(Table table, const Object& object);
// Keys of `object` in the index that selects by `kind`; nothing when `table` has no such index.
std::optional<std::vector<std::string>> Keys(Table table, const Object& object, By::Kind kind);
// Whether `table` has the index behind `kind`.
bool HasIndex(Table table, By::Kind kind);

}  // namespace swarm::fakes
