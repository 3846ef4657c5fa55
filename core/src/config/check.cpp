#include "config/check.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "config/values.h"
#include "host/nearest.h"
#include "host/plan.h"

namespace swarm::config {
namespace {

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string Listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

std::string FormatBound(const SettingDescriptor& setting, std::int64_t value) {
  if (setting.type == SettingType::kDuration) return FormatDuration(Duration(value));
  if (setting.type == SettingType::kBytes) return FormatBytes(value);
  return std::to_string(value);
}

// What a value of the type looks like: "an integer from 1 to 100".
std::string Expected(const SettingDescriptor& setting) {
  const std::string bounds = Bounds(setting);
  const std::string range = bounds.empty() ? "" : ", " + bounds;
  switch (setting.type) {
    case SettingType::kBool:
      return "true or false";
    case SettingType::kInteger:
      return "an integer" + range;
    case SettingType::kDuration:
      return "a duration such as 250ms, 5s or 2h" + range;
    case SettingType::kBytes:
      return "a size such as 64MiB or 1.5GiB" + range;
    case SettingType::kString:
      return "a string";
    case SettingType::kChoice:
      return "one of " + Listed(host::SplitList(setting.choices));
    case SettingType::kStringList:
      return "a list of strings";
    case SettingType::kStringMap:
      return "a map of strings";
  }
  return "";
}

class ValueChecker {
 public:
  ValueChecker(const SettingDescriptor& setting, std::string_view path, Errors& errors)
      : setting_(setting), path_(path), errors_(errors) {}

  std::optional<Settings::Value> Check(const Node& node) {
    if (setting_.type == SettingType::kStringList) return CheckList(node);
    if (setting_.type == SettingType::kStringMap) return CheckMap(node);
    // A flag given again: the last one counts.
    if (node.from_flag && node.kind == Node::Kind::kList) return Check(node.items.back());
    if (node.kind != Node::Kind::kScalar) return Refuse(node, Got(node));
    const std::string& text = node.scalar;
    switch (setting_.type) {
      case SettingType::kBool:
        if (const auto value = ParseBool(text)) return *value;
        break;
      case SettingType::kInteger:
        if (const auto value = ParseInteger(text)) return InRange(node, *value, *value);
        break;
      case SettingType::kBytes:
        if (const auto value = ParseBytes(text)) return InRange(node, *value, *value);
        break;
      case SettingType::kDuration:
        if (const auto value = ParseDuration(text)) return InRange(node, value->count(), *value);
        break;
      case SettingType::kChoice:
        return CheckChoice(node);
      default:
        return text;
    }
    return Refuse(node, Got(node));
  }

 private:
  std::string Got(const Node& node) const {
    if (node.kind == Node::Kind::kScalar && setting_.secret) return "something else";
    return Describe(node);
  }

  std::nullopt_t Refuse(const Node& node, const std::string& got, std::string_view hint = "") {
    errors_.Add(node.place, std::string(path_) + ": expected " + Expected(setting_) + ", got " +
                                got + std::string(hint));
    return std::nullopt;
  }

  std::optional<Settings::Value> InRange(const Node& node, std::int64_t number,
                                         Settings::Value value) {
    const bool bounded = setting_.minimum != setting_.maximum;
    if (bounded && (number < setting_.minimum || number > setting_.maximum)) {
      errors_.Add(node.place, std::string(path_) + ": " +
                                  (setting_.secret ? "the value" : node.scalar) +
                                  " is out of range; allowed: " + Bounds(setting_));
      return std::nullopt;
    }
    return value;
  }

  std::optional<Settings::Value> CheckChoice(const Node& node) {
    const std::vector<std::string> choices = host::SplitList(setting_.choices);
    if (std::find(choices.begin(), choices.end(), node.scalar) != choices.end()) return node.scalar;
    const std::string near = host::Nearest(node.scalar, choices);
    return Refuse(node, Got(node), near.empty() ? "" : "; did you mean " + Quoted(near) + "?");
  }

  std::optional<Settings::Value> CheckList(const Node& node) {
    if (node.kind == Node::Kind::kScalar && node.from_flag)
      return std::vector<std::string>{node.scalar};
    if (node.kind != Node::Kind::kList) return Refuse(node, Got(node));
    std::vector<std::string> out;
    bool good = true;
    for (const Node& item : node.items) {
      if (item.kind != Node::Kind::kScalar) {
        Refuse(item, "an item that is " + Describe(item));
        good = false;
      }
      out.push_back(item.scalar);
    }
    if (!good) return std::nullopt;
    return out;
  }

  // From flags a map comes as "key=value".
  std::optional<Settings::Value> CheckMap(const Node& node) {
    std::map<std::string, std::string> out;
    if (node.from_flag) {
      const std::vector<Node> one = {node};
      for (const Node& item : node.kind == Node::Kind::kList ? node.items : one) {
        const std::size_t equals = item.scalar.find('=');
        if (equals == std::string::npos) return Refuse(item, Got(item), "; write key=value");
        out[item.scalar.substr(0, equals)] = item.scalar.substr(equals + 1);
      }
      return out;
    }
    if (node.kind != Node::Kind::kMap) return Refuse(node, Got(node));
    bool good = true;
    for (const Entry& entry : node.entries) {
      if (entry.value.kind != Node::Kind::kScalar) {
        Refuse(entry.value, Describe(entry.value) + " under " + Quoted(entry.key));
        good = false;
      } else if (!out.emplace(entry.key, entry.value.scalar).second) {
        errors_.Add(entry.place,
                    std::string(path_) + ": key " + Quoted(entry.key) + " is given twice");
        good = false;
      }
    }
    if (!good) return std::nullopt;
    return out;
  }

  const SettingDescriptor& setting_;
  const std::string_view path_;
  Errors& errors_;
};

// Stands in for a value that was wrong; errors make the whole of no use.
Settings::Value EmptyValue(SettingType type) {
  switch (type) {
    case SettingType::kBool:
      return false;
    case SettingType::kInteger:
    case SettingType::kBytes:
      return std::int64_t{0};
    case SettingType::kDuration:
      return Duration(0);
    case SettingType::kStringList:
      return std::vector<std::string>();
    case SettingType::kStringMap:
      return std::map<std::string, std::string>();
    default:
      return std::string();
  }
}

}  // namespace

void Errors::Add(const Place& place, std::string_view text) {
  errors_.push_back({place, place.ToString() + ": " + std::string(text)});
}

std::vector<std::string> Errors::Lines() const {
  std::vector<Error> sorted = errors_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Error& a, const Error& b) {
    const bool a_flag = a.place.line == 0;
    const bool b_flag = b.place.line == 0;
    return std::tie(a_flag, a.place.line, a.place.column) <
           std::tie(b_flag, b.place.line, b.place.column);
  });
  std::vector<std::string> lines;
  for (Error& error : sorted) lines.push_back(std::move(error.text));
  return lines;
}

std::optional<Settings::Value> CheckValue(const Node& node, const SettingDescriptor& setting,
                                          std::string_view path, Errors& errors) {
  return ValueChecker(setting, path, errors).Check(node);
}

void CheckKeys(const Node& map, const std::vector<std::string>& known, std::string_view path,
               Errors& errors) {
  const std::string in = path.empty() ? "" : " in " + std::string(path);
  for (std::size_t i = 0; i < map.entries.size(); ++i) {
    const Entry& entry = map.entries[i];
    const auto first = std::find_if(map.entries.begin(), map.entries.begin() + i,
                                    [&](const Entry& other) { return other.key == entry.key; });
    if (first != map.entries.begin() + i) {
      errors.Add(entry.place, "key " + Quoted(entry.key) + in + " is given twice; first at " +
                                  first->place.ToString());
    } else if (!entry.value.if_known &&
               std::find(known.begin(), known.end(), entry.key) == known.end()) {
      const std::string near = host::Nearest(entry.key, known);
      errors.Add(entry.place, "unknown key " + Quoted(entry.key) + in +
                                  (near.empty() ? "" : "; did you mean " + Quoted(near) + "?") +
                                  (near.empty() ? "; allowed: " : " (allowed: ") + Listed(known) +
                                  (near.empty() ? "" : ")"));
    }
  }
}

Settings CheckSection(const Node& section, Schema schema, const std::vector<std::string>& reserved,
                      std::string_view path, Errors& errors) {
  std::map<std::string, Settings::Value, std::less<>> values;
  if (section.kind != Node::Kind::kMap && section.kind != Node::Kind::kNull)
    errors.Add(section.place, std::string(path) + ": expected a map, got " + Describe(section));
  std::vector<std::string> known = reserved;
  for (const SettingDescriptor& setting : schema) known.emplace_back(setting.key);
  CheckKeys(section, known, path, errors);
  for (const SettingDescriptor& setting : schema) {
    const std::string key_path = std::string(path) + "." + setting.key;
    const Node* node = section.Find(setting.key);
    std::optional<Settings::Value> value;
    if (node != nullptr) {
      value = CheckValue(*node, setting, key_path, errors);
    } else if (setting.default_value == nullptr) {
      errors.Add(section.place, std::string(path) + ": required key " + Quoted(setting.key) +
                                    " is missing; " + Expected(setting));
    } else {
      value = DefaultValue(setting, section.place, key_path, errors);
    }
    values[setting.key] = value ? std::move(*value) : EmptyValue(setting.type);
  }
  return Settings(std::move(values));
}

std::optional<Settings::Value> DefaultValue(const SettingDescriptor& setting, const Place& place,
                                            std::string_view path, Errors& errors) {
  const Result<Node> parsed = ParseYaml(setting.default_value, place.ToString());
  if (!parsed.ok()) {
    errors.Add(place, std::string(path) + ": its default is wrong: " + parsed.status().message());
    return std::nullopt;
  }
  if (parsed->kind == Node::Kind::kNull) return EmptyValue(setting.type);
  Node node = *parsed;
  node.place = place;
  return CheckValue(node, setting, path, errors);
}

std::string Bounds(const SettingDescriptor& setting) {
  if (setting.minimum == setting.maximum) return "";
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  if (setting.maximum == kNone) return "at least " + FormatBound(setting, setting.minimum);
  return FormatBound(setting, setting.minimum) + " to " + FormatBound(setting, setting.maximum);
}

}  // namespace swarm::config
