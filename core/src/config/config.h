// The configuration of a node: a YAML file and flags that override it, checked against the schema
// of the core and of every plugin it names. Errors are complete: every mistake of a file, each one
// line "file:line:column: ..." naming key, value, what is allowed, and the nearest valid key.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "host/host.h"
#include "swarm/export.h"
#include "swarm/plugin.h"
#include "swarm/status.h"

namespace swarm::config {

struct NodeConfig {
  struct Node {
    std::string hostname;  // empty: the machine's
    std::string state_dir;
    bool leave_on_stop = false;  // on_stop: leave; else detach
    bool force_new_cluster = false;
    bool auto_lock = false;
    std::string unlock_key;
    std::vector<std::string> external_cas;  // "protocol=cfssl,url=https://..."
    std::string generic_resources;          // "gpu=UUID1,fpga=2"
  } node;
  struct Listen {
    std::string remote;     // "host:port"; empty: none
    std::string advertise;  // empty: detected by peers
    std::string metrics;    // empty: none
    std::string debug;      // empty: none
    struct Control {
      std::string socket;
      unsigned mode = 0;
      std::string group;  // empty: unchanged
      bool plaintext = false;
    } control;
  } listen;
  struct Join {
    std::string address;  // empty: existing state or a new cluster
    std::string token;
    std::string token_file;  // read when `token` is empty
  } join;
  struct Log {
    std::string level;
    std::string format;  // "text" or "json"
  } log;
  std::vector<std::string> plugin_path;
  std::vector<host::ConfiguredPlugin> plugins;
};

// A value from the command line, in place of the file's. Applied in order; a list's first override
// replaces it, later ones with the same key add to it.
//   key: "join.address"; "plugins.consensus.election_timeout"; for a section that is a list, the
//   entry's plugin comes in between: "plugins.executor.docker.engine".
//   "plugins.consensus" or "plugins.executor" alone choose the plugin: `use: <value>`.
struct Override {
  std::string flag;  // "--join-addr": stands in messages where a file's place would
  std::string key;
  std::string value;
  // Ignored, instead of an error, when the plugins in use have no such key.
  bool if_known = false;
};

// Finds the descriptor of a plugin, as PluginRegistry::Load does.
using FindPlugin = std::function<Result<const PluginDescriptor*>(
    std::string_view name, const std::vector<std::string>& path)>;

struct LoadResult {
  NodeConfig config;                // of use only without errors
  std::vector<std::string> errors;  // in order of their place
};

// `text`: the file's content; `file`: its name in messages.
SWARM_EXPORT LoadResult Load(std::string_view text, std::string_view file,
                             const std::vector<Override>& overrides, const FindPlugin& find);

// What runs when no file is named: a single manager. A YAML text for Load.
SWARM_EXPORT std::string_view BuiltInConfig();

// A complete YAML file with every key commented: the core's, and those of the plugins in use, or
// that could be (`available`, commented out). Loading it gives the built-in configuration.
SWARM_EXPORT Result<std::string> PrintDefault(
    const FindPlugin& find, const std::vector<const PluginDescriptor*>& available);

}  // namespace swarm::config
