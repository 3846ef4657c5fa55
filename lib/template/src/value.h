// What an expression of a template evaluates to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace swarm::templates {

struct Value;

// Named values in a fixed order. A struct has the fields it has; a map is sorted by key.
struct Members {
  bool is_map = false;
  std::vector<std::pair<std::string, Value>> entries;

  const Value* Find(std::string_view name) const;
};

struct Value {
  using Nil = std::monostate;
  std::variant<Nil, bool, std::int64_t, std::string, std::shared_ptr<const Members>> of;

  bool is_nil() const { return std::holds_alternative<Nil>(of); }
  const std::string* text() const { return std::get_if<std::string>(&of); }
  const std::int64_t* number() const { return std::get_if<std::int64_t>(&of); }
  const Members* members() const {
    auto* found = std::get_if<std::shared_ptr<const Members>>(&of);
    return found ? found->get() : nullptr;
  }
  // Whether {{if}} takes the branch: neither nil, false, 0 nor empty.
  bool Truth() const;
  // As {{print}} shows it.
  std::string Text() const;
};

Value MakeText(std::string text);
Value MakeStruct(std::vector<std::pair<std::string, Value>> fields);

}  // namespace swarm::templates
