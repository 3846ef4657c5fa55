#include "constraint/constraint.h"

#include <algorithm>
#include <utility>

namespace swarm::constraint {
namespace {

constexpr std::string_view kNodeLabels = "node.labels.";
constexpr std::string_view kEngineLabels = "engine.labels.";

// Lower case. Besides ASCII only two letters fold into what a value may contain: the long s and
// the Kelvin sign.
std::string Fold(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= 'A' && c <= 'Z') {
      out.push_back(static_cast<char>(c - 'A' + 'a'));
    } else if (text.substr(i, 2) == "\xc5\xbf") {
      out.push_back('s');
      i += 1;
    } else if (text.substr(i, 3) == "\xe2\x84\xaa") {
      out.push_back('k');
      i += 2;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// Whether `text`, not folded yet, equals `folded`.
bool EqualsFolded(std::string_view text, std::string_view folded) {
  if (text.size() == folded.size()) {
    const bool same = std::equal(text.begin(), text.end(), folded.begin(), [](char a, char b) {
      return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b);
    });
    if (same) return true;
  }
  // Only multi-byte letters can make texts of different length equal.
  return text.size() > folded.size() && Fold(text) == folded;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool IsAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool ValidKey(std::string_view folded) {
  if (folded.size() < 2) return false;
  if (!((folded[0] >= 'a' && folded[0] <= 'z') || folded[0] == '_')) return false;
  return std::all_of(folded.begin() + 1, folded.end(), [](char c) {
    return IsAlnum(c) || std::string_view("-_.").find(c) != std::string_view::npos;
  });
}

bool ValidValue(std::string_view folded) {
  constexpr std::string_view kExtra = ":-_ \t\n\f\r.*()?+[]\\^$|/";
  return !folded.empty() && std::all_of(folded.begin(), folded.end(), [&](char c) {
    return IsAlnum(c) || kExtra.find(c) != std::string_view::npos;
  });
}

Status Error(std::string text) { return {Code::kUnknown, std::move(text)}; }

void SetSubject(std::string_view key, Constraint& out) {
  static constexpr std::pair<std::string_view, Subject> kKeys[] = {
      {"node.id", Subject::kNodeId},      {"node.hostname", Subject::kHostname},
      {"node.ip", Subject::kAddress},     {"node.role", Subject::kRole},
      {"node.platform.os", Subject::kOs}, {"node.platform.arch", Subject::kArchitecture},
  };
  const std::string folded = Fold(key);
  for (const auto& [name, subject] : kKeys) {
    if (folded == name) {
      out.subject = subject;
      return;
    }
  }
  for (const auto& [prefix, subject] : {std::pair{kNodeLabels, Subject::kNodeLabel},
                                        std::pair{kEngineLabels, Subject::kEngineLabel}}) {
    if (key.size() > prefix.size() && EqualsFolded(key.substr(0, prefix.size()), prefix)) {
      out.subject = subject;
      out.label = key.substr(prefix.size());
      return;
    }
  }
}

bool MatchAddress(const Constraint& c, const pb::Node& node) {
  if (!c.subnet) return false;
  const auto address = ParseAddress(node.status().addr());
  return (address && c.subnet->Contains(*address)) == c.equal;
}

template <class Labels>
std::string_view LabelOf(const Labels& labels, const std::string& key) {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

Result<Constraint> ParseOne(std::string_view expression) {
  Constraint out;
  auto at = expression.find("==");
  if (at == std::string_view::npos) {
    out.equal = false;
    at = expression.find("!=");
  }
  if (at == std::string_view::npos) {
    return Error("constraint expected one operator from ==, !=");
  }
  const std::string_view key = Trim(expression.substr(0, at));
  const std::string_view value = Trim(expression.substr(at + 2));
  if (!ValidKey(Fold(key))) return Error("key '" + std::string(key) + "' is invalid");
  out.value = Fold(value);
  if (!ValidValue(out.value)) return Error("value '" + std::string(value) + "' is invalid");
  SetSubject(key, out);
  if (out.subject == Subject::kAddress) {
    out.subnet = ParseAddress(value);
    if (!out.subnet) out.subnet = ParseSubnet(value);
  }
  return out;
}

Result<std::vector<Constraint>> Parse(const Expressions& expressions) {
  std::vector<Constraint> out;
  out.reserve(static_cast<std::size_t>(expressions.size()));
  for (const std::string& expression : expressions) {
    SWARM_ASSIGN_OR_RETURN(Constraint one, ParseOne(expression));
    out.push_back(std::move(one));
  }
  return out;
}

bool Match(const Constraint& c, const pb::Node& node) {
  const auto holds = [&c](std::string_view text) { return EqualsFolded(text, c.value) == c.equal; };
  const auto& description = node.description();
  switch (c.subject) {
    case Subject::kNodeId:
      return holds(node.id());
    case Subject::kHostname:
      return holds(description.hostname());
    case Subject::kAddress:
      return MatchAddress(c, node);
    case Subject::kRole:
      return holds(node.role() == pb::MANAGER ? "manager" : "worker");
    case Subject::kOs:
      return holds(description.platform().os());
    case Subject::kArchitecture:
      return holds(description.platform().architecture());
    case Subject::kNodeLabel:
      return holds(LabelOf(node.spec().annotations().labels(), c.label));
    case Subject::kEngineLabel:
      return holds(LabelOf(description.engine().labels(), c.label));
    case Subject::kUnknown:
      return false;
  }
  return false;
}

bool Match(std::span<const Constraint> constraints, const pb::Node& node) {
  return std::all_of(constraints.begin(), constraints.end(),
                     [&node](const Constraint& c) { return Match(c, node); });
}

}  // namespace swarm::constraint
