#include "flags.h"

#include <CLI/CLI.hpp>
#include <iostream>

namespace swarm::daemon {
namespace {

// A flag that stands for one key of the configuration.
struct KeyFlag {
  const char* flag;
  const char* key;
  const char* help;
};

constexpr KeyFlag kKeyFlags[] = {
    {"-d,--state-dir", "node.state_dir", "State directory (/var/lib/swarmd)"},
    {"--hostname", "node.hostname", "Reported hostname; empty: the machine's"},
    {"--join-addr", "join.address",
     "Manager to join through; empty: existing state or a new cluster"},
    {"--join-token", "join.token", "Join token; the role follows from it"},
    {"--listen-remote-api", "listen.remote", "Address for managers and agents (0.0.0.0:4242)"},
    {"--advertise-remote-api", "listen.advertise", "Address told to others; empty: detected"},
    {"--listen-control-api", "listen.control.socket", "Control socket (/var/run/swarmd.sock)"},
    {"--unlock-key", "node.unlock_key", "SWMKEY-1-... of a locked manager"},
    {"--external-ca", "node.external_cas", "protocol=cfssl,url=https://...; repeatable"},
    {"--listen-metrics", "listen.metrics", "Address of the metrics endpoint"},
    {"--listen-debug", "listen.debug", "Address of the debug endpoint"},
    {"-l,--log-level", "log.level", "debug, info, warn or error (info)"},
    {"--log-format", "log.format", "text or json (text)"},
    {"--engine-addr", "plugins.executor.docker.engine",
     "Docker Engine of the docker executor (unix:///var/run/docker.sock)"},
    {"--generic-node-resources", "node.generic_resources",
     "What the node offers beyond CPU and memory: kind=value,..."},
    {"--heartbeat-tick", "plugins.consensus.heartbeat_tick", "Heartbeat interval in ticks (1)"},
    {"--election-tick", "plugins.consensus.election_tick", "Election timeout in ticks (10)"},
    {"--executor", "plugins.executor", "The executor that runs tasks: process, sim, docker ..."},
};

constexpr KeyFlag kSwitches[] = {
    {"--force-new-cluster", "node.force_new_cluster", "Keep the data, drop the other managers"},
    {"--autolock", "node.auto_lock", "A new cluster starts locked"},
};

std::string LongName(const char* flag) {
  const std::string text = flag;
  return text.substr(text.find("--"));
}

}  // namespace

Parsed ParseFlags(int argc, char** argv) {
  Parsed parsed;
  Flags& flags = parsed.flags;
  CLI::App app("Run a swarm node: container orchestration from swappable parts");
  app.set_version_flag("-v,--version", std::string(argv[0]) + " swarmd " SWARM_VERSION);
  app.add_option("-c,--config", flags.config_file, "YAML file; see `swarmd config default`");
  app.add_option("--plugin-path", flags.plugin_path, "Folders with plugins, before the file's");

  std::vector<std::vector<std::string>> values(std::size(kKeyFlags));
  std::vector<CLI::Option*> options;
  for (std::size_t i = 0; i < std::size(kKeyFlags); ++i) {
    options.push_back(app.add_option(kKeyFlags[i].flag, values[i], kKeyFlags[i].help)
                          ->expected(1)
                          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
  }
  bool switches[std::size(kSwitches)] = {};
  for (std::size_t i = 0; i < std::size(kSwitches); ++i) {
    app.add_flag(kSwitches[i].flag, switches[i], kSwitches[i].help);
  }
  std::vector<std::string> ignored;
  app.add_option("arguments", ignored)->group("");

  auto* plugins =
      app.add_subcommand("plugins", "List the plugins there are, and what became of them");
  auto* config = app.add_subcommand("config", "Print or check configurations");
  config->require_subcommand(1);
  auto* print = config->add_subcommand("default", "Print a complete commented configuration");
  auto* check = config->add_subcommand("check", "Check a file without starting anything");
  check->add_option("file", flags.check_file, "YAML file")->required();
  for (auto* sub : {plugins, config}) sub->fallthrough();

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    app.exit(success);
    return {{}, true, 0};
  } catch (const CLI::ParseError& error) {
    std::cerr << "Error: " << error.what() << "\nTry '" << argv[0] << " --help'.\n";
    return {{}, true, 1};
  }

  for (std::size_t i = 0; i < std::size(kKeyFlags); ++i) {
    for (const std::string& value : values[i]) {
      // SwarmKit's flags for one plugin's key are taken also when another plugin has that place.
      const bool if_known = std::string_view(kKeyFlags[i].key).rfind("plugins.", 0) == 0 &&
                            std::string_view(kKeyFlags[i].key) != "plugins.executor";
      flags.overrides.push_back({LongName(kKeyFlags[i].flag), kKeyFlags[i].key, value, if_known});
    }
  }
  for (std::size_t i = 0; i < std::size(kSwitches); ++i) {
    if (switches[i]) flags.overrides.push_back({kSwitches[i].flag, kSwitches[i].key, "true"});
  }
  if (*plugins) flags.command = Flags::Command::kPlugins;
  if (*print) flags.command = Flags::Command::kConfigDefault;
  if (*check) flags.command = Flags::Command::kConfigCheck;
  return parsed;
}

}  // namespace swarm::daemon
