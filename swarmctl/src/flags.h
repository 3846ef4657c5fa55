// Command-line flags with the notation and the error texts of Go's pflag, which SwarmKit's tools
// use: anywhere on the line, `--flag=v`, `--flag v`, `-fv`, `--` ends them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gotext/gotext.h"
#include "swarm/runtime.h"
#include "swarm/status.h"

namespace swarm::ctl {

enum class FlagKind : unsigned char {
  kBool,  // --flag or --flag=true
  kString,
  kStrings,   // each occurrence is one CSV record; an empty one gives an empty list
  kRepeated,  // each occurrence is one value as it is
  kInt,
  kUint,
  kDuration,
};

// What a shell can complete a word with.
enum class Completes : unsigned char {
  kNothing,
  kNodes,
  kServices,
  kTasks,
  kClusters,
  kNetworks,
  kSecrets,
  kConfigs,
  kFiles,
};

struct FlagSpec {
  std::string name;
  char shorthand = 0;
  FlagKind kind = FlagKind::kString;
  std::string default_text;  // as help shows it; empty: the zero value, not shown
  std::string help;
  std::string group = {};  // the heading in the help; empty: "Flags"
  std::vector<std::string> choices = {};
  Completes completes = Completes::kNothing;
};

class Flags {
 public:
  explicit Flags(std::vector<FlagSpec> specs);

  // Takes the flags out of `arguments` and leaves what is no flag.
  Status Parse(std::vector<std::string>& arguments);

  // Whether the flag was given.
  bool Given(std::string_view name) const;
  bool Bool(std::string_view name) const;
  std::string String(std::string_view name) const;
  std::vector<std::string> Strings(std::string_view name) const;
  std::int64_t Int(std::string_view name) const;
  std::uint64_t Uint(std::string_view name) const;
  Duration Time(std::string_view name) const;

  const std::vector<FlagSpec>& specs() const { return specs_; }

 private:
  struct Value {
    std::string text;
    std::vector<std::string> list;
    std::int64_t number = 0;  // also nanoseconds, and the bits of kUint
  };
  const FlagSpec* Find(std::string_view name) const;
  const FlagSpec* Find(char shorthand) const;
  Status Set(const FlagSpec& spec, const std::string& text);
  // "did you mean --x?" on a line of its own, or nothing.
  std::string Nearest(std::string_view name) const;
  Status ParseLong(std::vector<std::string>& arguments, std::size_t at);
  Status ParseShort(std::vector<std::string>& arguments, std::size_t at);

  std::vector<FlagSpec> specs_;
  std::map<std::string, Value, std::less<>> given_;
};

using gotext::ParseCsv;

// Numbers as Go's strconv reads them, with its texts: `strconv.ParseUint: parsing "-1": invalid
// syntax`. Base 0 also knows 0x, 0o and 0b.
Result<std::uint64_t> ParseUint(std::string_view text, int base, int bits);
Result<std::int64_t> ParseInt(std::string_view text, int base, int bits);

// The help lines, one a flag: a block for each group, the blocks in the order of `specs`, their
// lines in alphabetical order. `title` heads the flags of no group, which come first.
std::string FormatFlags(std::vector<FlagSpec> specs, const std::string& title);

}  // namespace swarm::ctl
