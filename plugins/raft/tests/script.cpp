#include "script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

namespace swarm::raft::testing {
namespace {

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// Words, where parentheses hold one together.
std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  int depth = 0;
  for (const char c : line) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (depth == 0 && (c == ' ' || c == '\t')) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word.push_back(c);
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

Argument ParseArgument(const std::string& word) {
  const std::size_t equals = word.find('=');
  Argument argument{word.substr(0, equals), {}};
  if (equals == std::string::npos) return argument;
  std::string value = word.substr(equals + 1);
  if (!value.starts_with('(')) {
    argument.values.push_back(std::move(value));
    return argument;
  }
  std::istringstream list(value.substr(1, value.size() - 2));
  for (std::string item; std::getline(list, item, ',');) argument.values.push_back(Trim(item));
  return argument;
}

Directive ParseDirective(const std::string& line) {
  std::vector<std::string> words = Words(line);
  Directive directive{words.front(), {}, {}};
  for (std::size_t i = 1; i < words.size(); ++i)
    directive.arguments.push_back(ParseArgument(words[i]));
  return directive;
}

bool IsLogLine(std::string_view line) {
  constexpr std::array<std::string_view, 5> kLevels = {"DEBUG ", "INFO ", "WARN ", "ERROR ",
                                                       "FATAL "};
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return std::any_of(kLevels.begin(), kLevels.end(),
                     [&](std::string_view level) { return line.starts_with(level); });
}

// Reads a script line by line.
class Parser {
 public:
  explicit Parser(std::string_view text) : in_(std::string(text)) {}

  std::optional<Case> Next() {
    Case out;
    std::string line;
    do {
      if (!Line(line)) return std::nullopt;
      out.head += line + "\n";
    } while (Trim(line).empty() || line.starts_with('#'));
    out.line = line_;
    while (line.ends_with('\\')) {
      line.pop_back();
      std::string more;
      if (!Line(more)) break;
      out.head += more + "\n";
      line += more;
    }
    out.directive = ParseDirective(line);
    while (Line(line)) {
      out.head += line + "\n";
      if (line == "----") break;
      out.directive.input.push_back(line);
    }
    while (Line(line) && !line.empty()) out.expected += line + "\n";
    return out;
  }

 private:
  bool Line(std::string& line) {
    ++line_;
    return static_cast<bool>(std::getline(in_, line));
  }

  std::istringstream in_;
  int line_ = 0;
};

}  // namespace

const Argument* Directive::Find(std::string_view key) const {
  for (const Argument& argument : arguments) {
    if (argument.key == key && !argument.values.empty()) return &argument;
  }
  return nullptr;
}

std::vector<std::uint64_t> Directive::Numbers() const {
  std::vector<std::uint64_t> numbers;
  for (const Argument& argument : arguments) {
    if (!argument.values.empty()) continue;
    if (const auto number = ParseNumber(argument.key)) numbers.push_back(*number);
  }
  return numbers;
}

std::uint64_t Directive::Number(std::string_view key, std::uint64_t otherwise) const {
  const Argument* argument = Find(key);
  return argument ? ParseNumber(argument->values.front()).value_or(otherwise) : otherwise;
}

std::vector<std::uint64_t> Directive::NumberList(std::string_view key) const {
  std::vector<std::uint64_t> numbers;
  if (const Argument* argument = Find(key)) {
    for (const std::string& value : argument->values) {
      if (const auto number = ParseNumber(value)) numbers.push_back(*number);
    }
  }
  return numbers;
}

bool Directive::Flag(std::string_view key) const {
  const Argument* argument = Find(key);
  return argument && (argument->values.front() == "true" || argument->values.front() == "1");
}

std::vector<Case> ParseScript(std::string_view text) {
  std::vector<Case> cases;
  Parser parser(text);
  while (std::optional<Case> next = parser.Next()) cases.push_back(std::move(*next));
  return cases;
}

std::string WithoutLogLines(std::string_view output) {
  std::istringstream in{std::string(output)};
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    if (!IsLogLine(line)) kept += line + "\n";
  }
  return kept.empty() ? "ok\n" : kept;
}

std::vector<std::filesystem::path> ScriptsIn(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> scripts;
  std::error_code error;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (file.is_regular_file() && file.path().extension() == ".txt") scripts.push_back(file.path());
  }
  std::sort(scripts.begin(), scripts.end());
  return scripts;
}

}  // namespace swarm::raft::testing
