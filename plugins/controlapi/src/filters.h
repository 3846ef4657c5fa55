// What the filters of List requests mean. Within one criterion any value may fit, all criteria
// must; an empty criterion says nothing.
#pragma once

#include <google/protobuf/map.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <string_view>
#include <vector>

#include "swarm/status.h"
#include "swarm/store.h"

namespace swarm::controlapi {

using Strings = google::protobuf::RepeatedPtrField<std::string>;
using Labels = google::protobuf::Map<std::string, std::string>;

bool FitsAny(const Strings& wanted, std::string_view text);
bool FitsPrefix(const Strings& prefixes, std::string_view text);
// Every key must be there; a non-empty value must be equal.
bool FitsLabels(const Labels& wanted, const Labels& labels);
template <class Enum>
bool FitsEnum(const google::protobuf::RepeatedField<int>& wanted, Enum value) {
  if (wanted.empty()) return true;
  for (const int w : wanted) {
    if (w == static_cast<int>(value)) return true;
  }
  return false;
}

// One query from the first criterion that says something: the order of the calls is the order of
// preference, and of the results.
class Query {
 public:
  Query& Or(const Strings& values, By (*make)(std::string));
  template <class Enum>
  Query& OrEnum(const google::protobuf::RepeatedField<int>& values, By (*make)(Enum)) {
    if (!branches_.empty()) return *this;
    for (const int v : values) branches_.push_back(make(static_cast<Enum>(v)));
    return *this;
  }
  // Everything when no criterion said anything.
  By Done();

 private:
  std::vector<By> branches_;
};

// The same, but all criteria together.
class Union {
 public:
  Union& Or(const Strings& values, By (*make)(std::string));
  bool empty() const { return branches_.empty(); }
  By Done();

 private:
  std::vector<By> branches_;
};

// "invalid find argument type" gets the code that clients know it by.
Status ListError(Status status);

// The objects of `by` that `fits` accepts.
template <class Object, class Fits>
Result<std::vector<std::shared_ptr<const Object>>> Select(const Reader& view, const By& by,
                                                          const Fits& fits) {
  std::vector<std::shared_ptr<const Object>> out;
  const Status status =
      view.FindMessages(TableOf<Object>::value, by, [&](const MessagePtr& message) {
        auto object = std::static_pointer_cast<const Object>(message);
        if (fits(*object)) out.push_back(std::move(object));
        return true;
      });
  if (!status.ok()) return ListError(status);
  return out;
}

}  // namespace swarm::controlapi
