// Files of a Linux machine.
#pragma once

#include <memory>

#include "swarm/files.h"

namespace swarm::runtime {

std::unique_ptr<FileSystem> MakeLinuxFileSystem();

}  // namespace swarm::runtime
