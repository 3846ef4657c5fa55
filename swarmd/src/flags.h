// The command line of swarmd: SwarmKit's flags with their meaning, and ours.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "swarm/status.h"

namespace swarm::daemon {

struct Flags {
  enum class Command : unsigned char { kRun, kPlugins, kConfigDefault, kConfigCheck };
  Command command = Command::kRun;
  std::string config_file;               // --config; empty: the built-in configuration
  std::string check_file;                // of `config check`
  std::vector<std::string> plugin_path;  // --plugin-path
  std::vector<config::Override> overrides;
};

// What parsing came to: go on with `flags`, or exit at once with `code`; everything to be printed
// for the latter was printed.
struct Parsed {
  Flags flags;
  bool exit = false;
  int code = 0;
};

Parsed ParseFlags(int argc, char** argv);

}  // namespace swarm::daemon
