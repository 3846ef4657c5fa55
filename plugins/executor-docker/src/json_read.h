// Reading what an engine answers without a check at every step: what is absent or of another kind
// reads as empty.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace swarm::executor_docker {

inline const nlohmann::json& At(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

inline std::string Text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

inline std::int64_t Number(const nlohmann::json& value) {
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

inline bool Flag(const nlohmann::json& value) { return value.is_boolean() && value.get<bool>(); }

}  // namespace swarm::executor_docker
