#include "command.h"

#include <algorithm>

#include "gotext/gotext.h"
#include "words.h"

namespace swarm::ctl {
namespace {

const Command* Child(const Command& parent, std::string_view name) {
  for (const Command& child : parent.children) {
    const auto& aliases = child.aliases;
    if (child.name == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end()) {
      return &child;
    }
  }
  return nullptr;
}

bool TakesValue(const std::string& argument, const std::vector<FlagSpec>& global,
                const Command& command) {
  if (argument.find('=') != std::string::npos) return false;
  const auto needs = [&argument](const FlagSpec& spec) {
    if (spec.kind == FlagKind::kBool) return false;
    return argument == "--" + spec.name ||
           (spec.shorthand != 0 && argument == std::string("-") + spec.shorthand);
  };
  return std::any_of(global.begin(), global.end(), needs) ||
         std::any_of(command.flags.begin(), command.flags.end(), needs);
}

std::string PathText(const std::vector<const Command*>& path) {
  std::string out;
  for (const Command* command : path) out += (out.empty() ? "" : " ") + command->name;
  return out;
}

std::string ChildrenText(const Command& command) {
  constexpr std::size_t kLeastWidth = 11;
  std::size_t width = kLeastWidth;
  for (const Command& child : command.children) width = std::max(width, child.name.size());
  std::string out = "\nAvailable Commands:\n";
  for (const Command& child : command.children) {
    std::string name = child.name;
    name.resize(width + 1, ' ');
    out += "  " + name + child.summary + "\n";
  }
  return out;
}

}  // namespace

Result<std::string> Invocation::OneArgument(std::string_view missing, std::string_view too_many) {
  if (arguments.empty()) return Misused(std::string(missing));
  if (arguments.size() > 1) return Misused(std::string(too_many));
  return arguments[0];
}

void Invocation::Flush() {
  if (!environment.show) return;
  environment.show(out, err);
  out.clear();
  err.clear();
}

Status Invocation::NoArguments(std::string_view command) {
  if (arguments.empty()) return Status::Ok();
  return Misused(std::string(command) + " command takes no arguments");
}

std::vector<const Command*> FindCommand(const Command& root, std::vector<std::string>& arguments,
                                        const std::vector<FlagSpec>& global) {
  std::vector<const Command*> path{&root};
  for (std::size_t at = 0; at < arguments.size();) {
    const std::string& argument = arguments[at];
    if (argument == "--") break;
    if (argument.size() > 1 && argument[0] == '-') {
      at += TakesValue(argument, global, *path.back()) ? 2 : 1;
      continue;
    }
    const Command* child = Child(*path.back(), argument);
    if (!child) break;
    path.push_back(child);
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at));
    at = 0;
  }
  return path;
}

std::string UsageText(const std::vector<const Command*>& path,
                      const std::vector<FlagSpec>& global) {
  const Command& command = *path.back();
  const std::string name = PathText(path);
  std::string out = "Usage:\n";
  if (command.run) {
    out += "  " + name + (command.arguments.empty() ? "" : " " + command.arguments) + " [flags]\n";
  } else {
    out += "  " + name + " [command]\n";
  }
  if (!command.aliases.empty()) {
    out += "\nAliases:\n  " + command.name + ", " + Join(command.aliases, ", ") + "\n";
  }
  if (!command.children.empty()) out += ChildrenText(command);
  std::vector<FlagSpec> own = command.flags;
  own.push_back({"help", 'h', FlagKind::kBool, "", "help for " + command.name});
  const bool root = path.size() == 1;
  if (root) own.insert(own.end(), global.begin(), global.end());
  out += FormatFlags(own, "Flags");
  if (!root) out += FormatFlags(global, "Global Flags");
  if (!command.children.empty()) {
    out += "\nUse \"" + name + " [command] --help\" for more information about a command.\n";
  }
  return out;
}

std::string HelpText(const std::vector<const Command*>& path, const std::vector<FlagSpec>& global) {
  const Command& command = *path.back();
  return command.summary + "\n\n" + (command.about.empty() ? "" : command.about + "\n\n") +
         UsageText(path, global);
}

std::string UnknownCommandText(const Command& root, std::string_view name) {
  std::string out = "unknown command " + gotext::Quote(name) + " for " + gotext::Quote(root.name);
  std::vector<std::string> names;
  for (const Command& child : root.children) names.push_back(child.name);
  const auto near = NearWords(name, names);
  return near.empty() ? out : out + "\n\nDid you mean this?\n\t" + Join(near, "\n\t") + "\n";
}

}  // namespace swarm::ctl
