// Words that complete a command line, for the shells' completion scripts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command.h"
#include "run.h"

namespace swarm::ctl {

// What the scripts call: swarmctl __complete WORD..., the last word being the one to complete.
inline constexpr std::string_view kCompleteCommand = "__complete";

// A line for each candidate, with a tab and a description where there is one; a line ":files" asks
// the shell for its file names. Names of objects are asked from the manager, within moments or not
// at all; nothing is ever reported as an error.
std::string CompleteWords(const Command& root, const std::vector<FlagSpec>& global,
                          std::vector<std::string> words, const Environment& environment);

}  // namespace swarm::ctl
