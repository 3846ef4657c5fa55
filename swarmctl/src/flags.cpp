#include "flags.h"

#include <algorithm>
#include <utility>

#include "gotext/gotext.h"
#include "words.h"

namespace swarm::ctl {
namespace {

Status Bad(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

Result<bool> ParseBool(std::string_view text) {
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return Bad("strconv.ParseBool: parsing " + gotext::Quote(text) + ": invalid syntax");
}

std::string TypeWord(FlagKind kind) {
  switch (kind) {
    case FlagKind::kBool:
      return "";
    case FlagKind::kString:
    case FlagKind::kRepeated:
      return " string";
    case FlagKind::kStrings:
      return " strings";
    case FlagKind::kInt:
      return " int";
    case FlagKind::kUint:
      return " uint";
    case FlagKind::kDuration:
      return " duration";
  }
  return "";
}

std::string Names(const FlagSpec& spec) {
  return spec.shorthand ? std::string("-") + spec.shorthand + ", --" + spec.name : "--" + spec.name;
}

std::string DefaultNote(const FlagSpec& spec) {
  if (spec.default_text.empty()) return "";
  return " (default " +
         (spec.kind == FlagKind::kString ? gotext::Quote(spec.default_text) : spec.default_text) +
         ")";
}

}  // namespace

Flags::Flags(std::vector<FlagSpec> specs) : specs_(std::move(specs)) {}

const FlagSpec* Flags::Find(std::string_view name) const {
  const auto found = std::find_if(specs_.begin(), specs_.end(),
                                  [name](const FlagSpec& s) { return s.name == name; });
  return found == specs_.end() ? nullptr : &*found;
}

const FlagSpec* Flags::Find(char shorthand) const {
  const auto found = std::find_if(specs_.begin(), specs_.end(), [shorthand](const FlagSpec& s) {
    return s.shorthand == shorthand;
  });
  return found == specs_.end() ? nullptr : &*found;
}

Status Flags::Set(const FlagSpec& spec, const std::string& text) {
  Value value;
  value.text = text;
  Status status;
  const auto number = [&](auto parsed) {
    status = parsed.status();
    if (parsed.ok()) value.number = static_cast<std::int64_t>(*parsed);
  };
  switch (spec.kind) {
    case FlagKind::kString:
      break;
    case FlagKind::kBool:
      number(ParseBool(text));
      break;
    case FlagKind::kInt:
      number(ParseInt(text, 0, 64));
      break;
    case FlagKind::kUint:
      number(ParseUint(text, 0, 64));
      break;
    case FlagKind::kDuration: {
      const auto parsed = gotext::ParseDuration(text);
      status = parsed.status();
      if (parsed.ok()) value.number = parsed->count();
      break;
    }
    case FlagKind::kRepeated:
      value.list = given_[spec.name].list;
      value.list.push_back(text);
      break;
    case FlagKind::kStrings: {
      auto parsed = ParseCsv(text);
      status = parsed.status();
      if (parsed.ok()) {
        value.list = given_[spec.name].list;
        value.list.insert(value.list.end(), parsed->begin(), parsed->end());
      }
      break;
    }
  }
  if (!status.ok()) {
    return Bad("invalid argument " + gotext::Quote(text) + " for " + gotext::Quote(Names(spec)) +
               " flag: " + status.message());
  }
  given_[spec.name] = std::move(value);
  return Status::Ok();
}

Status Flags::Parse(std::vector<std::string>& arguments) {
  for (std::size_t at = 0; at < arguments.size();) {
    const std::string& argument = arguments[at];
    if (argument.size() < 2 || argument[0] != '-') {
      ++at;
      continue;
    }
    if (argument == "--") {
      arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at));
      return Status::Ok();
    }
    SWARM_RETURN_IF_ERROR(argument[1] == '-' ? ParseLong(arguments, at)
                                             : ParseShort(arguments, at));
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return Status::Ok();
}

// Leaves the flag's own argument for the caller to erase, but takes the value after it.
Status Flags::ParseLong(std::vector<std::string>& arguments, std::size_t at) {
  const std::string argument = arguments[at];
  const auto equal = argument.find('=');
  const std::string name = argument.substr(2, equal == std::string::npos ? equal : equal - 2);
  if (name.empty() || name[0] == '-') return Bad("bad flag syntax: " + argument);
  const FlagSpec* spec = Find(name);
  if (!spec) return Bad("unknown flag: --" + name + Nearest(name));
  if (equal != std::string::npos) return Set(*spec, argument.substr(equal + 1));
  if (spec->kind == FlagKind::kBool) return Set(*spec, "true");
  if (at + 1 >= arguments.size()) return Bad("flag needs an argument: --" + name);
  const std::string value = arguments[at + 1];
  arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  return Set(*spec, value);
}

Status Flags::ParseShort(std::vector<std::string>& arguments, std::size_t at) {
  const std::string argument = arguments[at];
  const std::string letters = argument.substr(1);
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const FlagSpec* spec = Find(letters[i]);
    const std::string quoted = std::string("'") + letters[i] + "' in " + "-" + letters.substr(i);
    if (!spec) return Bad("unknown shorthand flag: " + quoted);
    if (i + 1 < letters.size() && letters[i + 1] == '=') return Set(*spec, letters.substr(i + 2));
    if (spec->kind == FlagKind::kBool) {
      SWARM_RETURN_IF_ERROR(Set(*spec, "true"));
      continue;
    }
    if (i + 1 < letters.size()) return Set(*spec, letters.substr(i + 1));
    if (at + 1 >= arguments.size()) return Bad("flag needs an argument: " + quoted);
    const std::string value = arguments[at + 1];
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    return Set(*spec, value);
  }
  return Status::Ok();
}

bool Flags::Given(std::string_view name) const { return given_.find(name) != given_.end(); }
bool Flags::Bool(std::string_view name) const { return Int(name) != 0; }

std::string Flags::String(std::string_view name) const {
  const auto found = given_.find(name);
  if (found != given_.end()) return found->second.text;
  const FlagSpec* spec = Find(name);
  return spec ? spec->default_text : std::string();
}

std::vector<std::string> Flags::Strings(std::string_view name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? std::vector<std::string>() : found->second.list;
}

std::int64_t Flags::Int(std::string_view name) const {
  const auto found = given_.find(name);
  return found == given_.end() ? 0 : found->second.number;
}

std::uint64_t Flags::Uint(std::string_view name) const {
  return static_cast<std::uint64_t>(Int(name));
}

Duration Flags::Time(std::string_view name) const { return Duration(Int(name)); }

std::string Flags::Nearest(std::string_view name) const {
  std::vector<std::string> names;
  for (const FlagSpec& spec : specs_) names.push_back(spec.name);
  const auto near = NearWords(name, names);
  return near.empty() ? "" : "\ndid you mean --" + Join(near, " or --") + "?";
}

std::string FormatFlags(std::vector<FlagSpec> specs, const std::string& title) {
  const auto left = [](const FlagSpec& s) {
    return (s.shorthand ? "  " : "      ") + Names(s) + TypeWord(s.kind);
  };
  std::size_t width = 0;
  std::vector<std::string> groups{""};
  for (const FlagSpec& s : specs) {
    width = std::max(width, left(s).size());
    if (std::find(groups.begin(), groups.end(), s.group) == groups.end()) groups.push_back(s.group);
  }
  std::stable_sort(specs.begin(), specs.end(),
                   [](const FlagSpec& a, const FlagSpec& b) { return a.name < b.name; });
  std::string out;
  for (const std::string& group : groups) {
    std::string lines;
    for (const FlagSpec& s : specs) {
      if (s.group != group) continue;
      std::string line = left(s);
      line.resize(width + 3, ' ');
      lines += line + s.help + DefaultNote(s) + "\n";
    }
    if (!lines.empty()) out += "\n" + (group.empty() ? title : group) + ":\n" + lines;
  }
  return out;
}

}  // namespace swarm::ctl
