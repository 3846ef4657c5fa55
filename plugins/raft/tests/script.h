// Data-driven scripts in the format of etcd's raft library: cases of a directive, optional input
// lines, a line of four dashes, and the output that is expected, up to a blank line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swarm::raft::testing {

// `key`, `key=value` or `key=(value, value)`.
struct Argument {
  std::string key;
  std::vector<std::string> values;
};

struct Directive {
  std::string command;
  std::vector<Argument> arguments;
  std::vector<std::string> input;

  const Argument* Find(std::string_view key) const;
  // Arguments that are bare numbers.
  std::vector<std::uint64_t> Numbers() const;
  std::uint64_t Number(std::string_view key, std::uint64_t otherwise) const;
  std::vector<std::uint64_t> NumberList(std::string_view key) const;
  bool Flag(std::string_view key) const;
};

struct Case {
  Directive directive;
  int line = 0;          // of the directive
  std::string head;      // the file's text up to and with the dashes
  std::string expected;  // the lines after them
};

std::vector<Case> ParseScript(std::string_view text);

// Output without the lines a library logs, which are its own affair; "ok" when nothing is left.
std::string WithoutLogLines(std::string_view output);

// Every *.txt below the folder, in order.
std::vector<std::filesystem::path> ScriptsIn(const std::filesystem::path& folder);

}  // namespace swarm::raft::testing
