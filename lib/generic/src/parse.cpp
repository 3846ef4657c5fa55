#include "generic/parse.h"

#include <charconv>
#include <optional>
#include <string>
#include <utility>

namespace swarm::generic {
namespace {

namespace pb = ::docker::swarmkit::v1;

Status Error(const std::string& text) {
  return {Code::kInvalidArgument, "could not parse GenericResource: " + text};
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::int64_t> Integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Fields of one CSV record; nothing when a quote is left open.
std::optional<std::vector<std::string>> Fields(std::string_view text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      fields.back() += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  return fields;
}

using Kinds = std::vector<std::pair<std::string, std::vector<std::string>>>;

Result<Kinds> Group(const std::vector<std::string>& terms) {
  Kinds kinds;
  for (const std::string& term : terms) {
    const auto equals = term.find('=');
    if (equals == std::string::npos || term.find('=', equals + 1) != std::string::npos) {
      return Error("incorrect term " + term + ", missing '=' or malformed expression");
    }
    const std::string kind(Trim(std::string_view(term).substr(0, equals)));
    const std::string value(Trim(std::string_view(term).substr(equals + 1)));
    if (kind.empty() || value.empty()) {
      return Error("incorrect term " + term + ", missing '=' or malformed expression");
    }
    auto at = kinds.begin();
    while (at != kinds.end() && at->first != kind) ++at;
    if (at == kinds.end()) at = kinds.insert(kinds.end(), {kind, {}});
    at->second.push_back(value);
  }
  return kinds;
}

}  // namespace

Result<std::vector<pb::GenericResource>> Parse(std::string_view text) {
  std::vector<pb::GenericResource> out;
  if (Trim(text).empty()) return out;
  if (text.find('\n') != std::string_view::npos) return Error("unexpected newline");
  const auto fields = Fields(text);
  if (!fields) return Error("a quote is not closed in " + std::string(text));
  SWARM_ASSIGN_OR_RETURN(const Kinds kinds, Group(*fields));
  for (const auto& [kind, values] : kinds) {
    const auto count = Integer(values.front());
    if (values.size() == 1 && count) {
      if (*count < 0) return Error("invalid negative value for resource " + kind);
      auto* discrete = out.emplace_back().mutable_discrete_resource_spec();
      discrete->set_kind(kind);
      discrete->set_value(*count);
      continue;
    }
    for (const std::string& value : values) {
      if (Integer(value)) {
        return Error("mixed discrete and named resources in expression '" + kind + "=" + value +
                     "'");
      }
      auto* named = out.emplace_back().mutable_named_resource_spec();
      named->set_kind(kind);
      named->set_value(value);
    }
  }
  return out;
}

}  // namespace swarm::generic
