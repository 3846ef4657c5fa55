#include "value.h"

namespace swarm::templates {

const Value* Members::Find(std::string_view name) const {
  for (const auto& [key, value] : entries) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool Value::Truth() const {
  if (auto* b = std::get_if<bool>(&of)) return *b;
  if (auto* n = number()) return *n != 0;
  if (auto* t = text()) return !t->empty();
  if (auto* m = members()) return !m->is_map || !m->entries.empty();
  return false;
}

std::string Value::Text() const {
  if (auto* b = std::get_if<bool>(&of)) return *b ? "true" : "false";
  if (auto* n = number()) return std::to_string(*n);
  if (auto* t = text()) return *t;
  const Members* m = members();
  if (!m) return "<no value>";
  std::string out = m->is_map ? "map[" : "{";
  for (const auto& [key, value] : m->entries) {
    if (&key != &m->entries.front().first) out += ' ';
    if (m->is_map) out += key + ':';
    out += value.Text();
  }
  return out + (m->is_map ? "]" : "}");
}

Value MakeText(std::string text) { return Value{std::move(text)}; }

Value MakeStruct(std::vector<std::pair<std::string, Value>> fields) {
  return Value{std::make_shared<const Members>(Members{false, std::move(fields)})};
}

}  // namespace swarm::templates
