// Commands: their tree, their help, and what one of them gets to work with.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client.h"
#include "flags.h"
#include "run.h"
#include "swarm/status.h"

namespace swarm::ctl {

// One run of a command.
class Invocation {
 public:
  Invocation(Client& client, const Environment& environment, Flags flags,
             std::vector<std::string> arguments)
      : client(client),
        environment(environment),
        flags(std::move(flags)),
        arguments(std::move(arguments)),
        now(environment.now()) {}

  // The error, to be followed by the command's usage.
  Status Misused(std::string text) {
    show_usage = true;
    return {Code::kInvalidArgument, std::move(text)};
  }
  // The only argument, or an error with one of the two texts.
  Result<std::string> OneArgument(std::string_view missing, std::string_view too_many);
  Status NoArguments(std::string_view command);
  // Shows what has been printed so far.
  void Flush();

  Client& client;
  const Environment& environment;
  const Flags flags;
  const std::vector<std::string> arguments;
  const WallTime now;
  std::string out;  // what it prints
  std::string err;
  bool show_usage = false;
};

struct Command {
  std::string name;
  std::vector<std::string> aliases;
  std::string arguments;  // as the usage line shows them
  std::string summary;
  std::vector<FlagSpec> flags;
  std::vector<Command> children;
  std::function<Status(Invocation&)> run;     // null: a group
  Completes completes = Completes::kNothing;  // its arguments
  std::string about = {};                     // shown by its help, below the summary
};

// The groups, each in a file of its own.
Command ClusterCommands();
Command CompletionCommands();
Command ConfigCommands();
Command NetworkCommands();
Command NodeCommands();
Command SecretCommands();
Command ServiceCommands();
Command TaskCommands();
Command VersionCommand();

// The path of commands that `arguments` names, taken out of them; at least the root.
std::vector<const Command*> FindCommand(const Command& root, std::vector<std::string>& arguments,
                                        const std::vector<FlagSpec>& global);
// "Usage: ..." and what follows.
std::string UsageText(const std::vector<const Command*>& path, const std::vector<FlagSpec>& global);
std::string HelpText(const std::vector<const Command*>& path, const std::vector<FlagSpec>& global);
// `unknown command "x" for "swarmctl"`, and what may have been meant.
std::string UnknownCommandText(const Command& root, std::string_view name);

}  // namespace swarm::ctl
