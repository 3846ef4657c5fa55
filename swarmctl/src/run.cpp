#include "run.h"

#include <utility>

#include "command.h"
#include "completion.h"
#include "errors.h"
#include "words.h"

namespace swarm::ctl {
namespace {

std::vector<FlagSpec> GlobalFlags(const std::string& socket) {
  std::vector<FlagSpec> out = {
      {"socket", 's', FlagKind::kString, socket, "Socket to connect to the Swarm manager"},
      {"no-resolve", 'n', FlagKind::kBool, "",
       "Do not try to map IDs to Names when displaying them"},
      {"timeout", 0, FlagKind::kDuration, "", "Give up after this long, e.g. 30s (0s = never)"}};
  out[0].completes = Completes::kFiles;
  return out;
}

Command Root(const std::string& program) {
  Command help{"help", {}, "[command]", "Help about any command", {}, {}, nullptr};
  Command root{
      program,
      {},
      "",
      "Control a swarm cluster",
      {},
      {ClusterCommands(), CompletionCommands(), ConfigCommands(), help, NetworkCommands(),
       NodeCommands(), SecretCommands(), ServiceCommands(), TaskCommands(), VersionCommand()},
      nullptr};
  root.about =
      "Talks to a manager through its control socket: swarmd's, or that of a Docker Engine in "
      "swarm\nmode (/var/run/docker/swarm/control.sock). SWARM_SOCKET names another than the usual "
      "one.\nObjects are named by id, by name, or by the first four or more characters of an id.";
  return root;
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
    if (!arguments_.empty() && arguments_[0] == kCompleteCommand) return Complete();
    if (arguments_.size() == 1 && arguments_[0] == "--version") arguments_ = {"version"};
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

  Outcome Complete() const {
    const std::vector<std::string> words(arguments_.begin() + 1, arguments_.end());
    return {0, CompleteWords(root_, global_, words, environment_), ""};
  }

  Outcome Fail(const std::string& text, bool usage) const {
    std::string err = "Error: " + text + "\n";
    if (usage) err += UsageText(path_, global_) + "\n";
    return {kFailure, "", std::move(err)};
  }

  ClientOptions Options(const Flags& flags) const {
    ClientOptions out;
    // Given at all counts, even as --no-resolve=false.
    out.resolve_names = !flags.Given("no-resolve");
    if (flags.Time("timeout") > Duration(0)) out.timeout = flags.Time("timeout");
    out.clock = environment_.steady;
    return out;
  }

  Outcome Execute(Flags flags) {
    const std::string socket = flags.String("socket");
    const std::string timeout = flags.String("timeout");
    Client client([&] { return environment_.connect(socket); }, Options(flags));
    Invocation run(client, environment_, std::move(flags), arguments_);
    const Status status = path_.back()->run(run);
    if (status.ok()) return {0, std::move(run.out), std::move(run.err)};
    std::string text = ErrorText(status, socket);
    if (status.code() == Code::kDeadlineExceeded && !timeout.empty()) {
      text += "\ngave up after " + timeout + ", as --timeout says";
    }
    Outcome failed = Fail(text, run.show_usage);
    failed.out = std::move(run.out);
    failed.err = std::move(run.err) + failed.err;
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
