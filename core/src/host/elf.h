// What a shared object exports, read from the file without loading it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "swarm/export.h"
#include "swarm/status.h"

namespace swarm::host {

// Names of the dynamic symbols defined in the file, sorted, without those every linker adds.
// InvalidArgument when it is not a 64-bit ELF shared object, or a damaged one.
SWARM_EXPORT Result<std::vector<std::string>> ExportedSymbols(std::string_view image);

}  // namespace swarm::host
