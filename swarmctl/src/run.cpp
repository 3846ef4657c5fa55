#include "run.h"

#include <utility>

#include "command.h"
#include "words.h"

namespace swarm::ctl {
namespace {

std::vector<FlagSpec> GlobalFlags(const std::string& socket) {
  return {{"socket", 's', FlagKind::kString, socket, "Socket to connect to the Swarm manager"},
          {"no-resolve", 'n', FlagKind::kBool, "",
           "Do not try to map IDs to Names when displaying them"}};
}

Command Root(const std::string& program) {
  Command help{"help", {}, "[command]", "Help about any command", {}, {}, nullptr};
  return {program,
          {},
          "",
          "Control a swarm cluster",
          {},
          {ClusterCommands(), help, NodeCommands(), ServiceCommands(), TaskCommands(),
           VersionCommand()},
          nullptr};
}

// What the transport says when nobody answers is worded as SwarmKit's tool does.
std::string ConnectionError(const std::string& text, const std::string& socket) {
  if (text.find("failed to connect") == std::string::npos) return text;
  const auto colon = text.rfind(": ");
  const std::string reason = Lower(colon == std::string::npos ? text : text.substr(colon + 2));
  return "connection error: desc = \"transport: Error while dialing dial unix " + socket +
         ": connect: " + reason + "\"";
}

// One run from beginning to end.
class Session {
 public:
  Session(std::vector<std::string> arguments, const Environment& environment)
      : environment_(environment),
        global_(GlobalFlags(environment.default_socket)),
        root_(Root(environment.program)),
        arguments_(std::move(arguments)) {}

  Outcome Run() {
    path_ = FindCommand(root_, arguments_, global_);
    if (path_.size() > 1 && path_[1]->name == "help") return HelpOn();
    std::vector<FlagSpec> specs = global_;
    specs.insert(specs.end(), path_.back()->flags.begin(), path_.back()->flags.end());
    specs.push_back({"help", 'h', FlagKind::kBool, "", ""});
    Flags flags(std::move(specs));
    if (const Status bad = flags.Parse(arguments_); !bad.ok()) return Fail(bad.message(), true);
    if (flags.Given("help") && flags.Bool("help")) return Help();
    if (path_.size() == 1 && !arguments_.empty()) {
      return Fail(UnknownCommandText(root_, arguments_[0]), true);
    }
    return path_.back()->run ? Execute(std::move(flags)) : Help();
  }

 private:
  Outcome Help() const { return {0, HelpText(path_, global_), ""}; }

  Outcome HelpOn() {
    path_ = FindCommand(root_, arguments_, global_);
    return Help();
  }

  Outcome Fail(const std::string& text, bool usage) const {
    std::string err = "Error: " + text + "\n";
    if (usage) err += UsageText(path_, global_) + "\n";
    return {kFailure, "", std::move(err)};
  }

  Outcome Execute(Flags flags) {
    const std::string socket = flags.String("socket");
    // Given at all counts, even as --no-resolve=false.
    const bool resolve = !flags.Given("no-resolve");
    auto channel = environment_.connect(socket);
    if (!channel.ok()) return Fail(channel.status().message(), false);
    Client client(std::move(*channel), resolve);
    Invocation run(client, std::move(flags), arguments_, environment_.now());
    run.program = environment_.program;
    const Status status = path_.back()->run(run);
    if (status.ok()) return {0, std::move(run.out), std::move(run.err)};
    std::string text = status.message();
    if (status.code() == Code::kUnavailable) {
      text = ConnectionError(text, socket);
      text += "\nis swarmd running? its control socket is taken to be " + socket +
              ": name another with --socket or in SWARM_SOCKET";
    }
    Outcome failed = Fail(text, run.show_usage);
    failed.out = std::move(run.out);
    return failed;
  }

  const Environment& environment_;
  const std::vector<FlagSpec> global_;
  const Command root_;
  std::vector<std::string> arguments_;
  std::vector<const Command*> path_;
};

}  // namespace

Outcome RunCtl(std::vector<std::string> arguments, const Environment& environment) {
  return Session(std::move(arguments), environment).Run();
}

}  // namespace swarm::ctl
