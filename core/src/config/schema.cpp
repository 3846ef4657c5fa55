#include "config/schema.h"

#include <array>

#include "config/values.h"

namespace swarm::config {
namespace {

constexpr SettingDescriptor Text(const char* key, const char* value, const char* help) {
  return {key, SettingType::kString, value, help};
}

constexpr SettingDescriptor Secret(const char* key, const char* help) {
  return {key, SettingType::kString, "\"\"", help, 0, 0, "", true};
}

constexpr SettingDescriptor Choice(const char* key, const char* value, const char* help,
                                   const char* choices) {
  return {key, SettingType::kChoice, value, help, 0, 0, choices};
}

constexpr std::array<SettingDescriptor, 8> kNode = {{
    Text("hostname", "\"\"", "Name of this node; empty: the machine's."),
    Text("state_dir", "/var/lib/swarmd", "Folder of everything the node keeps; made if absent."),
    Choice("on_stop", "detach",
           "What a stop does to tasks: detach leaves them running, leave removes them.",
           "detach,leave"),
    {"force_new_cluster", SettingType::kBool, "false",
     "Keep the cluster's data and forget its other managers."},
    {"auto_lock", SettingType::kBool, "false", "A new cluster starts with its managers locked."},
    Secret("unlock_key", "Opens a locked manager: SWMKEY-1-...; empty: none."),
    {"external_cas", SettingType::kStringList, "[]",
     "Signers besides the cluster's own, each \"protocol=cfssl,url=https://...\"."},
    Text("generic_resources", "\"\"",
         "What the node offers beyond CPU and memory: \"fpga=2,gpu=UUID1,gpu=UUID2\"."),
}};

constexpr std::array<SettingDescriptor, 4> kListen = {{
    Text("remote", "0.0.0.0:4242", "host:port for managers and agents."),
    Text("advertise", "\"\"", "host:port told to others; empty: what they see."),
    Text("metrics", "\"\"", "host:port of the HTTP page /metrics; empty: none."),
    Text("debug", "\"\"", "host:port of the HTTP pages for debugging; empty: none."),
}};

constexpr std::array<SettingDescriptor, 4> kControl = {{
    Text("socket", "/var/run/swarmd.sock", "Local socket for clients; a stale one is replaced."),
    Text("mode", "\"0660\"", "Permission bits of the socket, octal."),
    Text("group", "\"\"", "Group of the socket; empty: the program's."),
    {"plaintext", SettingType::kBool, "false", "Also admit HTTP/2 without TLS on the socket."},
}};

constexpr std::array<SettingDescriptor, 3> kJoin = {{
    Text("address", "\"\"",
         "host:port of a manager to join through; empty: existing state, or a new cluster."),
    Text("token_file", "\"\"", "File with the join token; read when token is empty."),
    Secret("token", "SWMTKN-1-...; says whether to join as manager or worker."),
}};

constexpr std::array<SettingDescriptor, 2> kLog = {{
    Choice("level", "info", "The least level that is written.",
           "debug,info,warn,warning,error,fatal,panic"),
    Choice("format", "text", "text for people, json for programs.", "text,json"),
}};

constexpr std::array<CoreSection, 5> kSections = {{
    {"node", "This node.", kNode},
    {"listen", "Where it answers.", kListen},
    {"listen.control", "The local socket, for swarmctl.", kControl},
    {"join", "How it becomes part of a cluster, at its first start.", kJoin},
    {"log", "Its log, on standard error.", kLog},
}};

constexpr SettingDescriptor kPluginPath = {
    "path", SettingType::kStringList, "[]",
    "Folders searched for plugins, in order, before the one that came with swarmd."};

constexpr std::array<PluginSection, 9> kPluginSections = {{
    {"consensus", "Agreement among managers on one log of changes.", "consensus"},
    {"store", "The cluster's state.", "store"},
    {"proxy", "Who answers what only the leader can.", "proxy"},
    {"dispatcher", "Tells agents what to run.", "dispatcher"},
    {"ca", "The node's certificate, and those of others.", "identity,ca"},
    {"agent", "Runs this node's tasks.", "agent"},
    {"executor",
     "What tasks run in. A task names one with the label swarm.executor, else the default runs it.",
     "executor", true},
    {"control", "What clients can call.", "control", true},
    {"components", "Everything that turns services into running tasks.", "", true},
}};

const Node* At(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (node != nullptr && !path.empty()) {
    const std::size_t dot = path.find('.');
    node = node->Find(path.substr(0, dot));
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  }
  return node;
}

bool IsAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const auto port = ParseInteger(text.substr(colon + 1));
  return port && *port >= 0 && *port <= 65535;
}

void CheckAddress(const Node& root, std::string_view section, std::string_view key,
                  const std::string& value, Errors& errors) {
  if (value.empty() || IsAddress(value)) return;
  const Node* node = At(root, std::string(section) + "." + std::string(key));
  if (node == nullptr) return;
  errors.Add(node->place, std::string(section) + "." + std::string(key) +
                              ": expected host:port with a port from 0 to 65535, got " +
                              Describe(*node));
}

unsigned CheckMode(const Node& root, const std::string& value, Errors& errors) {
  unsigned mode = 0;
  bool good = !value.empty() && value.size() <= 4;
  for (const char c : value) {
    good = good && c >= '0' && c <= '7';
    mode = mode * 8 + static_cast<unsigned>(c - '0');
  }
  if (good && mode <= 0777) return mode;
  const Node* node = At(root, "listen.control.mode");
  if (node != nullptr && node->kind == Node::Kind::kScalar) {
    errors.Add(node->place,
               "listen.control.mode: expected octal permission bits such as \"0660\", got " +
                   Describe(*node));
  }
  return 0;
}

}  // namespace

std::span<const CoreSection> CoreSections() { return kSections; }

std::vector<std::string> SubsectionsOf(std::string_view path) {
  std::vector<std::string> out;
  for (const CoreSection& section : kSections) {
    const std::size_t dot = section.path.rfind('.');
    const bool top = dot == std::string_view::npos;
    if ((top ? "" : section.path.substr(0, dot)) != path) continue;
    out.emplace_back(top ? section.path : section.path.substr(dot + 1));
  }
  return out;
}

const SettingDescriptor& PluginPathSetting() { return kPluginPath; }

std::span<const PluginSection> PluginSections() { return kPluginSections; }

std::string PluginName(std::string_view section, std::string_view use) {
  const std::string_view prefix = "executor-";
  if (section != "executor" || use.starts_with(prefix)) return std::string(use);
  return std::string(prefix) + std::string(use);
}

void FillCore(const Node& root, NodeConfig& config, Errors& errors) {
  std::map<std::string_view, Settings> values;
  for (const CoreSection& section : kSections) {
    const Node* node = At(root, section.path);
    Node empty;
    empty.place = root.place;
    values.emplace(section.path, CheckSection(node == nullptr ? empty : *node, section.schema,
                                              SubsectionsOf(section.path), section.path, errors));
  }
  const Settings& node = values.at("node");
  config.node = {node.GetString("hostname"),
                 node.GetString("state_dir"),
                 node.GetString("on_stop") == "leave",
                 node.GetBool("force_new_cluster"),
                 node.GetBool("auto_lock"),
                 node.GetString("unlock_key"),
                 node.GetStringList("external_cas"),
                 node.GetString("generic_resources")};
  const Settings& listen = values.at("listen");
  config.listen.remote = listen.GetString("remote");
  config.listen.advertise = listen.GetString("advertise");
  config.listen.metrics = listen.GetString("metrics");
  config.listen.debug = listen.GetString("debug");
  CheckAddress(root, "listen", "remote", config.listen.remote, errors);
  CheckAddress(root, "listen", "metrics", config.listen.metrics, errors);
  CheckAddress(root, "listen", "debug", config.listen.debug, errors);
  const Settings& control = values.at("listen.control");
  config.listen.control = {control.GetString("socket"),
                           CheckMode(root, control.GetString("mode"), errors),
                           control.GetString("group"), control.GetBool("plaintext")};
  const Settings& join = values.at("join");
  config.join = {join.GetString("address"), join.GetString("token"), join.GetString("token_file")};
  const Settings& log = values.at("log");
  config.log = {log.GetString("level"), log.GetString("format")};
}

}  // namespace swarm::config
