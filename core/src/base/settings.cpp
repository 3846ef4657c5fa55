#include "swarm/settings.h"

#include "swarm/check.h"

namespace swarm {

Settings::Settings(std::map<std::string, Value, std::less<>> values) : values_(std::move(values)) {}

const Settings::Value& Settings::Get(std::string_view key) const {
  const auto found = values_.find(key);
  SWARM_CHECK(found != values_.end(), "a plugin asks only for keys of its own schema");
  return found->second;
}

bool Settings::GetBool(std::string_view key) const { return std::get<bool>(Get(key)); }
std::int64_t Settings::GetInteger(std::string_view key) const {
  return std::get<std::int64_t>(Get(key));
}
Duration Settings::GetDuration(std::string_view key) const { return std::get<Duration>(Get(key)); }
const std::string& Settings::GetString(std::string_view key) const {
  return std::get<std::string>(Get(key));
}
const std::vector<std::string>& Settings::GetStringList(std::string_view key) const {
  return std::get<std::vector<std::string>>(Get(key));
}
const std::map<std::string, std::string>& Settings::GetStringMap(std::string_view key) const {
  return std::get<std::map<std::string, std::string>>(Get(key));
}

}  // namespace swarm
