#include <algorithm>
#include <utility>

#include "config/config.h"
#include "config/override.h"
#include "config/schema.h"
#include "host/nearest.h"
#include "host/plan.h"
#include "swarm/check.h"

namespace swarm::config {
namespace {

// The name by which a section says that it wants nothing.
constexpr std::string_view kNone = "none";

bool Provides(const PluginDescriptor& descriptor, const char* roles) {
  const std::vector<std::string> wanted = host::SplitList(roles);
  if (wanted.empty()) return true;
  for (std::size_t u = 0; u < descriptor.unit_count; ++u) {
    const std::string_view role = descriptor.units[u].role;
    const std::string name(role.substr(0, role.find('/')));
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) return true;
  }
  return false;
}

std::string RolesOf(const PluginDescriptor& descriptor) {
  std::string out;
  for (std::size_t u = 0; u < descriptor.unit_count; ++u) {
    if (!out.empty()) out += ", ";
    out += descriptor.units[u].role;
  }
  return out;
}

class Loader {
 public:
  Loader(const FindPlugin& find, NodeConfig& config, Errors& errors)
      : find_(find), config_(config), errors_(errors) {}

  void Load(const Node& root) {
    if (root.kind != Node::Kind::kMap && root.kind != Node::Kind::kNull) {
      errors_.Add(root.place, "expected a map of sections, got " + Describe(root));
      return;
    }
    std::vector<std::string> known = SubsectionsOf("");
    known.emplace_back("plugins");
    CheckKeys(root, known, "", errors_);
    FillCore(root, config_, errors_);
    if (const Node* plugins = root.Find("plugins")) LoadPlugins(*plugins);
  }

 private:
  void LoadPlugins(const Node& plugins) {
    std::vector<std::string> known = {PluginPathSetting().key};
    for (const PluginSection& section : PluginSections()) known.emplace_back(section.key);
    CheckKeys(plugins, known, "plugins", errors_);
    if (const Node* path = plugins.Find(PluginPathSetting().key)) {
      const auto value = CheckValue(*path, PluginPathSetting(), "plugins.path", errors_);
      if (value) config_.plugin_path = std::get<std::vector<std::string>>(*value);
    }
    for (const PluginSection& section : PluginSections()) {
      const Node* node = plugins.Find(section.key);
      if (node == nullptr) continue;
      const std::string name = "plugins." + std::string(section.key);
      if (!section.list) {
        LoadPlugin(section, *node, name);
      } else if (node->kind == Node::Kind::kList) {
        for (const Node& item : node->items) LoadPlugin(section, item, name);
      } else if (node->kind != Node::Kind::kNull) {
        errors_.Add(node->place, name + ": expected a list such as [{use: " +
                                     std::string(section.key) + "}], got " + Describe(*node));
      }
    }
    ChooseDefaultExecutor();
  }

  void LoadPlugin(const PluginSection& section, const Node& node, const std::string& path) {
    if (node.kind != Node::Kind::kMap) {
      errors_.Add(node.place, path + ": expected a map such as {use: " + std::string(section.key) +
                                  "}, got " + Describe(node));
      return;
    }
    const SettingDescriptor use_key = {"use", SettingType::kString, nullptr, "The plugin."};
    const Node* use = node.Find("use");
    if (use == nullptr) {
      errors_.Add(node.place, path + ": required key \"use\" is missing; it names the plugin");
      return;
    }
    const auto value = CheckValue(*use, use_key, path + ".use", errors_);
    if (!value) return;
    const auto& used = std::get<std::string>(*value);
    if (used == kNone && !section.list) return;
    const auto found = find_(PluginName(section.key, used), config_.plugin_path);
    if (!found.ok()) {
      errors_.Add(use->place, path + ".use: " + found.status().message());
      return;
    }
    if (!Provides(**found, section.roles)) {
      errors_.Add(use->place, path + ".use: plugin " + (*found)->name + " provides " +
                                  RolesOf(**found) + ", not " +
                                  host::SplitList(section.roles).front());
      return;
    }
    AddPlugin(section, node, path + "." + used, used, **found);
  }

  void AddPlugin(const PluginSection& section, const Node& node, const std::string& path,
                 const std::string& used, const PluginDescriptor& descriptor) {
    host::ConfiguredPlugin plugin;
    plugin.descriptor = &descriptor;
    plugin.section = section.key;
    plugin.name = descriptor.name;
    plugin.place = node.place.ToString();
    std::vector<std::string> reserved = {"use"};
    if (section.key == "executor") {
      reserved = {"use", "name", "default"};
      plugin.name = used;
      ReadExecutorKeys(node, path, plugin);
    }
    const Schema schema(descriptor.settings, descriptor.setting_count);
    plugin.settings = CheckSection(node, schema, reserved, path, errors_);
    config_.plugins.push_back(std::move(plugin));
  }

  void ReadExecutorKeys(const Node& node, const std::string& path, host::ConfiguredPlugin& plugin) {
    static constexpr SettingDescriptor kName = {"name", SettingType::kString, "\"\"", ""};
    static constexpr SettingDescriptor kDefault = {"default", SettingType::kBool, "false", ""};
    if (const Node* name = node.Find("name")) {
      if (const auto value = CheckValue(*name, kName, path + ".name", errors_))
        plugin.name = std::get<std::string>(*value);
    }
    if (const Node* marked = node.Find("default")) {
      const auto value = CheckValue(*marked, kDefault, path + ".default", errors_);
      plugin.is_default = value && std::get<bool>(*value);
      if (!plugin.is_default) return;
      if (!default_place_.empty()) {
        errors_.Add(marked->place, path + ".default: the executor at " + default_place_ +
                                       " is the default already; there is one");
      }
      default_place_ = marked->place.ToString();
    }
  }

  void ChooseDefaultExecutor() {
    if (!default_place_.empty()) return;
    for (host::ConfiguredPlugin& plugin : config_.plugins) {
      if (plugin.section != "executor") continue;
      plugin.is_default = true;
      return;
    }
  }

  const FindPlugin& find_;
  NodeConfig& config_;
  Errors& errors_;
  std::string default_place_;
};

// Sections of plugins that the file leaves out are the built-in ones.
void AddBuiltInSections(Node& root) {
  if (root.kind == Node::Kind::kNull) root.kind = Node::Kind::kMap;
  if (root.kind != Node::Kind::kMap) return;
  const Result<Node> built_in = ParseYaml(BuiltInConfig(), "built-in configuration");
  SWARM_CHECK(built_in.ok(), "the built-in configuration is valid YAML");
  const Node* defaults = built_in->Find("plugins");
  Node* plugins = root.Find("plugins");
  if (plugins == nullptr) {
    root.entries.push_back({"plugins", defaults->place, *defaults});
    return;
  }
  if (plugins->kind == Node::Kind::kNull) plugins->kind = Node::Kind::kMap;
  if (plugins->kind != Node::Kind::kMap) return;
  for (const Entry& entry : defaults->entries) {
    if (plugins->Find(entry.key) == nullptr) plugins->entries.push_back(entry);
  }
}

}  // namespace

LoadResult Load(std::string_view text, std::string_view file,
                const std::vector<Override>& overrides, const FindPlugin& find) {
  LoadResult result;
  Result<Node> root = ParseYaml(text, file);
  if (!root.ok()) {
    result.errors.push_back(root.status().message());
    return result;
  }
  root->place.source = file;
  Errors errors;
  AddBuiltInSections(*root);
  ApplyOverrides(overrides, *root, errors);
  Loader(find, result.config, errors).Load(*root);
  result.errors = errors.Lines();
  return result;
}

std::string_view BuiltInConfig() {
  return R"(plugins:
  consensus: {use: standalone}
  store: {use: store}
  proxy: {use: proxy-direct}
  dispatcher: {use: dispatcher}
  ca: {use: ca}
  agent: {use: agent}
  executor: [{use: process, default: true}]
  control: [{use: controlapi}]
  components: [{use: orchestrator}, {use: scheduler}, {use: allocator}, {use: keymanager},
    {use: rolemanager}, {use: gossip}, {use: logbroker}]
)";
}

}  // namespace swarm::config
