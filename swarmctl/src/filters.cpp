#include "filters.h"

#include <algorithm>

#include "words.h"

namespace swarm::ctl {
namespace {

std::string KeyNames(const std::vector<FilterKey>& keys) {
  std::vector<std::string> names;
  for (const FilterKey& key : keys) names.push_back(key.name);
  return Join(names, ", ");
}

}  // namespace

Status ReadFilters(Invocation& run, const std::vector<FilterKey>& keys) {
  for (const std::string& text : run.flags.Strings("filter")) {
    const auto equal = text.find('=');
    if (equal == std::string::npos) {
      return run.Misused("filter \"" + text + "\" must be key=value; keys: " + KeyNames(keys));
    }
    const std::string name = text.substr(0, equal);
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&name](const FilterKey& k) { return k.name == name; });
    if (key == keys.end()) {
      return run.Misused("unknown filter \"" + name + "\"; keys: " + KeyNames(keys));
    }
    const Status status = key->add(text.substr(equal + 1));
    if (status.code() == Code::kInvalidArgument) {
      return run.Misused("filter " + name + ": " + status.message());
    }
    SWARM_RETURN_IF_ERROR(status);
  }
  return Status::Ok();
}

FilterKey TextFilter(std::string name, google::protobuf::RepeatedPtrField<std::string>* into) {
  return {std::move(name), [into](const std::string& value) {
            *into->Add() = value;
            return Status::Ok();
          }};
}

FilterKey WordFilter(std::string name, const google::protobuf::EnumDescriptor& words,
                     google::protobuf::RepeatedField<int>* into) {
  return {std::move(name), [&words, into](const std::string& value) {
            std::vector<std::string> known;
            for (int i = 0; i < words.value_count(); ++i) {
              known.push_back(Lower(words.value(i)->name()));
              if (known.back() != Lower(value)) continue;
              into->Add(words.value(i)->number());
              return Status::Ok();
            }
            return Status(Code::kInvalidArgument,
                          "\"" + value + "\" is none of " + Join(known, ", "));
          }};
}

}  // namespace swarm::ctl
