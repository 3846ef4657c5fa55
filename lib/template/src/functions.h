// The functions that depend on nothing but their arguments.
#pragma once

#include <string_view>
#include <vector>

#include "swarm/status.h"
#include "value.h"

namespace swarm::templates {

// NotFound when there is no such function; other errors are about the arguments.
Result<Value> CallFunction(std::string_view name, const std::vector<Value>& arguments);

}  // namespace swarm::templates
