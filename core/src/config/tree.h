// A YAML text as a tree that remembers where everything stood. Made from yaml-cpp's events: its own
// tree merges duplicate keys without a word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "swarm/export.h"
#include "swarm/status.h"

namespace swarm::config {

struct SWARM_EXPORT Place {
  std::string source;  // a file's name, or a flag's
  int line = 0;        // from 1; 0: not in a file
  int column = 0;

  // "swarmd.yaml:12:5", or "--join-addr".
  std::string ToString() const;
};

struct Entry;

struct SWARM_EXPORT Node {
  enum class Kind : unsigned char { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Place place;
  std::string scalar;
  bool from_flag = false;      // text of a flag: stands for a list of one as well
  bool if_known = false;       // no error when nothing knows the key
  std::vector<Node> items;     // of a list
  std::vector<Entry> entries;  // of a map, in the order of the file, duplicates included

  // The first entry of that key; null when there is none.
  Node* Find(std::string_view key);
  const Node* Find(std::string_view key) const;
};

struct Entry {
  std::string key;
  Place place;
  Node value;
};

// "a list", "a map", "nothing", or the scalar in quotes.
std::string Describe(const Node& node);

// The one document of the text; an empty text is kNull. InvalidArgument "file:line:column: why".
SWARM_EXPORT Result<Node> ParseYaml(std::string_view text, std::string_view file);

}  // namespace swarm::config
