// Checks a section of the tree against a schema.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/tree.h"
#include "swarm/settings.h"

namespace swarm::config {

// What was found wrong, in order of place.
class Errors {
 public:
  void Add(const Place& place, std::string_view text);
  // "file:line:column: text", sorted; what flags got wrong comes last.
  std::vector<std::string> Lines() const;
  bool empty() const { return errors_.empty(); }

 private:
  struct Error {
    Place place;
    std::string text;
  };
  std::vector<Error> errors_;
};

using Schema = std::span<const SettingDescriptor>;

// The value of one key as its type demands; else an error has been added. `path` names the key in
// messages: "plugins.consensus.election_timeout".
std::optional<Settings::Value> CheckValue(const Node& node, const SettingDescriptor& setting,
                                          std::string_view path, Errors& errors);

// Adds an error for every key that is neither in `known` nor unique.
void CheckKeys(const Node& map, const std::vector<std::string>& known, std::string_view path,
               Errors& errors);

// The values of the whole section, defaults filled in. `section`: a map, or kNull for an empty one.
// `reserved`: keys that are somebody else's and are left alone.
Settings CheckSection(const Node& section, Schema schema, const std::vector<std::string>& reserved,
                      std::string_view path, Errors& errors);

// The default as its type; a default that does not fit its own schema is reported.
std::optional<Settings::Value> DefaultValue(const SettingDescriptor& setting, const Place& place,
                                            std::string_view path, Errors& errors);

// "1 to 100", "at least 1s"; empty when unbounded.
std::string Bounds(const SettingDescriptor& setting);

}  // namespace swarm::config
