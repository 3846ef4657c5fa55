// The parsers under fuzz: each takes any bytes and must come back, with a result or an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace swarm::fuzz {

struct Parser {
  std::string name;
  // Parses; aborts when a law is broken, such as output that does not parse again.
  void (*run)(std::string_view input);
  // Good input, to start from.
  std::vector<std::string> seeds;
};

const std::vector<Parser>& Parsers();

}  // namespace swarm::fuzz
