#include "config/override.h"

#include <algorithm>
#include <utility>

#include "config/schema.h"

namespace swarm::config {
namespace {

class Applier {
 public:
  Applier(const Override& override, Errors& errors)
      : override_(override), place_{override.flag, 0, 0}, errors_(errors) {}

  void Apply(Node& root) {
    std::vector<std::string> parts = Split(override_.key);
    if (parts.front() == "plugins" && parts.size() >= 2 && parts[1] != "path") {
      Node* plugins = MapIn(root, "plugins");
      if (plugins != nullptr) ApplyToPlugins(*plugins, parts);
      return;
    }
    Node* map = &root;
    for (std::size_t i = 0; i + 1 < parts.size() && map != nullptr; ++i)
      map = MapIn(*map, parts[i]);
    if (map != nullptr) Set(*map, parts.back());
  }

 private:
  static std::vector<std::string> Split(const std::string& key) {
    std::vector<std::string> parts(1);
    for (const char c : key) {
      if (c == '.') {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    return parts;
  }

  Node Scalar() const {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.place = place_;
    node.scalar = override_.value;
    node.from_flag = true;
    node.if_known = override_.if_known;
    return node;
  }

  // The map under `key`, made when absent; null when something else is there, which the check of
  // the tree will complain of.
  Node* MapIn(Node& map, const std::string& key) const {
    if (map.kind == Node::Kind::kNull) map.kind = Node::Kind::kMap;
    if (map.kind != Node::Kind::kMap) return nullptr;
    if (map.Find(key) == nullptr) {
      Node fresh;
      fresh.kind = Node::Kind::kMap;
      fresh.place = place_;
      fresh.if_known = override_.if_known;
      map.entries.push_back({key, place_, std::move(fresh)});
    }
    Node* found = map.Find(key);
    if (found->kind == Node::Kind::kNull) found->kind = Node::Kind::kMap;
    return found->kind == Node::Kind::kMap ? found : nullptr;
  }

  void Set(Node& map, const std::string& key) const {
    if (map.kind == Node::Kind::kNull) map.kind = Node::Kind::kMap;
    Node* old = map.Find(key);
    if (old == nullptr) {
      map.entries.push_back({key, place_, Scalar()});
    } else if (!old->from_flag) {
      *old = Scalar();
    } else {
      if (old->kind == Node::Kind::kScalar) {
        Node list = *old;
        list.kind = Node::Kind::kList;
        list.items = {*old};
        *old = std::move(list);
      }
      old->items.push_back(Scalar());
    }
  }

  void ApplyToPlugins(Node& plugins, const std::vector<std::string>& parts) const {
    const auto sections = PluginSections();
    const auto section = std::find_if(sections.begin(), sections.end(),
                                      [&](const PluginSection& s) { return s.key == parts[1]; });
    const std::size_t depth = section != sections.end() && section->list ? 4 : 3;
    const bool chooses = parts.size() == 2 && (depth == 3 || parts[1] == "executor");
    if (section == sections.end() || (parts.size() != depth && !chooses)) {
      errors_.Add(place_, "there is no key " + override_.key + " to set");
      return;
    }
    Node* node = plugins.Find(parts[1]);
    if (node == nullptr) return;
    if (chooses) {
      Choose(*node, depth == 4);
    } else if (depth == 3) {
      if (node->kind == Node::Kind::kMap) Set(*node, parts[2]);
    } else if (Node* entry = EntryOf(*node, parts[2])) {
      Set(*entry, parts[3]);
    } else if (!override_.if_known && node->kind == Node::Kind::kList) {
      errors_.Add(place_, "plugins." + parts[1] + " has no entry " + parts[2]);
    }
  }

  void Choose(Node& section, bool list) const {
    Node* present = list ? EntryOf(section, override_.value) : nullptr;
    const Node* use = section.Find("use");
    if (!list && use != nullptr && use->scalar == override_.value) return;
    Node chosen;
    chosen.kind = Node::Kind::kMap;
    chosen.place = place_;
    if (present != nullptr) {
      chosen = *present;
      std::erase_if(chosen.entries, [](const Entry& entry) { return entry.key == "default"; });
    } else {
      chosen.entries.push_back({"use", place_, Scalar()});
    }
    if (!list) {
      section = std::move(chosen);
      return;
    }
    section.kind = Node::Kind::kList;
    section.items.clear();
    section.items.push_back(std::move(chosen));
  }

  // The map of a list with `use` or `name` of that value.
  static Node* EntryOf(Node& list, const std::string& name) {
    for (Node& item : list.items) {
      const Node* own = item.Find("name");
      const Node* use = item.Find("use");
      if (own != nullptr ? own->scalar == name : use != nullptr && use->scalar == name)
        return &item;
    }
    return nullptr;
  }

  const Override& override_;
  const Place place_;
  Errors& errors_;
};

}  // namespace

void ApplyOverrides(const std::vector<Override>& overrides, Node& root, Errors& errors) {
  for (const Override& override : overrides) Applier(override, errors).Apply(root);
}

}  // namespace swarm::config
