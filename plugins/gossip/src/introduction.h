// Who must be told of whom. Pure.
//
// Each engine's own view says which others it knows. Engines that know each other are a group; when
// there is more than one group, one engine of each is told of the members of all the others, and
// gossip spreads the news within it. Only what an engine says of itself is passed on, and only that
// it is alive: who is dead is the members' business.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "push_pull.h"

namespace swarm::gossip {

// What the engine at an address (text) answered.
using Views = std::map<std::string, PushPull>;

struct Introduction {
  std::string to;  // address
  PushPull message;
};

// Addresses of engines that know each other, each group and the list in order.
std::vector<std::vector<std::string>> GroupsOf(const Views& views);
// Nothing when all are one group. Members whose address is not in `known` are not passed on.
std::vector<Introduction> Introduce(const Views& views, const std::set<std::string>& known);

// "10.0.0.1", from 4 or 16 bytes; empty when it is neither.
std::string AddressText(const std::string& bytes);
// Whether an engine may have it: not unspecified, of this machine alone, or of many.
bool IsUsable(const std::string& address);

}  // namespace swarm::gossip
