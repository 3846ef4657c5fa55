// Flags that change the tree before it is checked.
#pragma once

#include <string>
#include <vector>

#include "config/check.h"
#include "config/config.h"
#include "config/tree.h"

namespace swarm::config {

// Puts the values where the file's would stand; what is wrong with them the check of the tree
// finds.
void ApplyOverrides(const std::vector<Override>& overrides, Node& root, Errors& errors);

}  // namespace swarm::config
