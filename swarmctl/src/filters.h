// --filter key=value of the lists: values of one key are alternatives, different keys must all
// match.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/repeated_field.h>

#include <functional>
#include <string>
#include <vector>

#include "command.h"
#include "swarm/status.h"

namespace swarm::ctl {

struct FilterKey {
  std::string name;
  std::function<Status(const std::string& value)> add;
};

// Reads every --filter of `run`.
Status ReadFilters(Invocation& run, const std::vector<FilterKey>& keys);

FilterKey TextFilter(std::string name, google::protobuf::RepeatedPtrField<std::string>* into);
// The words of an enum, in any case.
FilterKey WordFilter(std::string name, const google::protobuf::EnumDescriptor& words,
                     google::protobuf::RepeatedField<int>* into);

// key, or key=value.
template <class Labels>
FilterKey LabelFilter(std::string name, Labels* into) {
  return {std::move(name), [into](const std::string& value) {
            const auto equal = value.find('=');
            (*into)[value.substr(0, equal)] =
                equal == std::string::npos ? "" : value.substr(equal + 1);
            return Status::Ok();
          }};
}

// What all kinds of objects are filtered by.
template <class Filters>
std::vector<FilterKey> CommonFilters(Filters* filters) {
  return {TextFilter("id", filters->mutable_id_prefixes()),
          TextFilter("name", filters->mutable_names()),
          TextFilter("name-prefix", filters->mutable_name_prefixes()),
          LabelFilter("label", filters->mutable_labels())};
}

inline constexpr const char* kCommonFilters = "id, name, name-prefix, label";

}  // namespace swarm::ctl
