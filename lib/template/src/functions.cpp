#include "functions.h"

#include <string>

namespace swarm::templates {
namespace {

Status Bad(std::string what) { return {Code::kInvalidArgument, std::move(what)}; }

// <0, 0, >0; only numbers and texts are ordered, and only with their like.
Result<int> Compare(const Value& a, const Value& b) {
  if (a.number() && b.number()) {
    return *a.number() < *b.number() ? -1 : *a.number() > *b.number();
  }
  if (a.text() && b.text()) return a.text()->compare(*b.text());
  return Bad("incompatible types for comparison");
}

Result<bool> Equal(const Value& a, const Value& b) {
  if (a.of.index() != b.of.index()) return Bad("incompatible types for comparison");
  if (a.members()) return Bad("non-comparable type");
  return a.of == b.of;
}

Result<Value> Order(std::string_view name, const std::vector<Value>& arguments) {
  if (arguments.size() != 2) return Bad(std::string(name) + " needs two arguments");
  SWARM_ASSIGN_OR_RETURN(int order, Compare(arguments[0], arguments[1]));
  bool holds = name == "lt"   ? order < 0
               : name == "le" ? order <= 0
               : name == "gt" ? order > 0
                              : order >= 0;
  return Value{holds};
}

Result<Value> Equality(std::string_view name, const std::vector<Value>& arguments) {
  bool negated = name == "ne";
  if (arguments.size() < 2 || (negated && arguments.size() != 2)) {
    return Bad(std::string(name) + ": wrong number of arguments");
  }
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    SWARM_ASSIGN_OR_RETURN(bool equal, Equal(arguments[0], arguments[i]));
    if (equal) return Value{!negated};
  }
  return Value{negated};
}

Result<Value> Index(const std::vector<Value>& arguments) {
  if (arguments.empty()) return Bad("index needs an argument");
  Value value = arguments[0];
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const Members* members = value.members();
    if (!members || !members->is_map) return Bad("can't index this value");
    if (!arguments[i].text()) return Bad("the key of a map is a string");
    const Value* found = members->Find(*arguments[i].text());
    // An absent key of a map of strings gives its zero value, unlike a field.
    value = found ? *found : MakeText("");
  }
  return value;
}

Result<Value> Length(const std::vector<Value>& arguments) {
  if (arguments.size() != 1) return Bad("len needs one argument");
  if (auto* text = arguments[0].text()) return Value{static_cast<std::int64_t>(text->size())};
  const Members* members = arguments[0].members();
  if (!members || !members->is_map) return Bad("this value has no length");
  return Value{static_cast<std::int64_t>(members->entries.size())};
}

Result<Value> Print(std::string_view name, const std::vector<Value>& arguments) {
  bool line = name == "println";
  std::string out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    bool texts = arguments[i].text() || (i > 0 && arguments[i - 1].text());
    if (i > 0 && (line || !texts)) out += ' ';
    out += arguments[i].Text();
  }
  if (line) out += '\n';
  return MakeText(std::move(out));
}

Result<Value> Join(const std::vector<Value>& arguments) {
  if (arguments.empty()) return Bad("join needs a separator");
  std::string out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].text()) return Bad("join takes strings");
    if (i > 1) out += *arguments[0].text();
    if (i > 0) out += *arguments[i].text();
  }
  return MakeText(std::move(out));
}

}  // namespace

Result<Value> CallFunction(std::string_view name, const std::vector<Value>& arguments) {
  if (name == "index") return Index(arguments);
  if (name == "len") return Length(arguments);
  if (name == "join") return Join(arguments);
  if (name == "print" || name == "println") return Print(name, arguments);
  if (name == "eq" || name == "ne") return Equality(name, arguments);
  if (name == "lt" || name == "le" || name == "gt" || name == "ge") return Order(name, arguments);
  if (name == "not") {
    if (arguments.size() != 1) return Bad("not needs one argument");
    return Value{!arguments[0].Truth()};
  }
  return Status(Code::kNotFound, "function \"" + std::string(name) + "\" not defined");
}

}  // namespace swarm::templates
