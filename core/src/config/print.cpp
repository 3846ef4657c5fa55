// The default configuration as a file, printed from the same schemas that the loader checks with.
#include <algorithm>
#include <array>

#include "config/check.h"
#include "config/config.h"
#include "config/schema.h"
#include "host/plan.h"

namespace swarm::config {
namespace {

constexpr std::size_t kWidth = 100;

class Printer {
 public:
  std::string Take() { return std::move(out_); }

  void Line(int indent, std::string_view text) {
    out_.append(static_cast<std::size_t>(indent) * 2, ' ');
    out_ += off_ ? "# " : "";
    out_ += text;
    out_ += '\n';
  }
  void Blank() { out_ += '\n'; }

  // Words wrapped into comment lines.
  void Comment(int indent, std::string_view text) {
    const std::size_t room = kWidth - static_cast<std::size_t>(indent) * 2 - (off_ ? 4 : 2);
    std::string line;
    while (!text.empty()) {
      const std::size_t blank = std::min(text.find(' '), text.size());
      const std::string_view word = text.substr(0, blank);
      text.remove_prefix(std::min(blank + 1, text.size()));
      if (!line.empty() && line.size() + 1 + word.size() > room) {
        Line(indent, "# " + line);
        line.clear();
      }
      if (!line.empty()) line += ' ';
      line += word;
    }
    if (!line.empty()) Line(indent, "# " + line);
  }

  void Setting(int indent, const SettingDescriptor& setting) {
    Comment(indent, Explain(setting));
    std::string value = setting.default_value == nullptr ? "" : setting.default_value;
    if (value.empty()) value = "\"\"";
    // Only a file that says so itself can give what has no default.
    Line(indent,
         (setting.default_value == nullptr ? "# " : "") + std::string(setting.key) + ": " + value);
  }

  // While on, lines are commented out.
  void SetOff(bool off) { off_ = off; }

 private:
  static std::string Explain(const SettingDescriptor& setting) {
    std::string text = setting.help;
    if (!text.empty() && text.back() != '.') text += '.';
    const std::string bounds = Bounds(setting);
    if (!bounds.empty()) text += " Allowed: " + bounds + ".";
    if (setting.type == SettingType::kChoice) {
      text += " One of:";
      const std::vector<std::string> choices = host::SplitList(setting.choices);
      for (std::size_t i = 0; i < choices.size(); ++i) text += (i == 0 ? " " : ", ") + choices[i];
      text += ".";
    }
    if (setting.default_value == nullptr) text += " Required.";
    if (setting.live) text += " May change without a restart.";
    return text;
  }

  std::string out_;
  bool off_ = false;
};

// A plugin the printed file uses, with the keys of its entry that are not settings.
struct Used {
  std::string use;
  bool is_default = false;
  const PluginDescriptor* descriptor;
};

class DefaultPrinter {
 public:
  DefaultPrinter(const FindPlugin& find, const std::vector<const PluginDescriptor*>& available)
      : find_(find), available_(available) {}

  Result<std::string> Print() {
    out_.Comment(0,
                 "The configuration of swarmd. Every key is here with its default: what is left "
                 "out means the same. Check a changed file with: swarmd config check FILE");
    for (const CoreSection& section : CoreSections()) PrintCore(section);
    out_.Blank();
    out_.Comment(0,
                 "The plugins this node is made of. A section left out is the one printed here; "
                 "use: none leaves a single one away.");
    out_.Line(0, "plugins:");
    out_.Setting(1, PluginPathSetting());
    SWARM_ASSIGN_OR_RETURN(const Node built_in, ParseYaml(BuiltInConfig(), "built-in"));
    const Node* plugins = built_in.Find("plugins");
    for (const PluginSection& section : PluginSections()) {
      const Node* node = plugins->Find(section.key);
      SWARM_RETURN_IF_ERROR(PrintPlugins(section, *node));
    }
    return out_.Take();
  }

 private:
  void PrintCore(const CoreSection& section) {
    const auto depth = static_cast<int>(std::count(section.path.begin(), section.path.end(), '.'));
    out_.Blank();
    out_.Comment(depth, section.help);
    const std::size_t dot = section.path.rfind('.');
    out_.Line(depth, std::string(section.path.substr(dot + 1)) + ":");
    for (const SettingDescriptor& setting : section.schema) out_.Setting(depth + 1, setting);
  }

  Status PrintPlugins(const PluginSection& section, const Node& node) {
    out_.Blank();
    out_.Comment(1, section.help);
    out_.Line(1, std::string(section.key) + ":");
    std::vector<const PluginDescriptor*> printed;
    const std::vector<Node> one = {node};
    for (const Node& item : section.list ? node.items : one) {
      const Node* use = item.Find("use");
      SWARM_ASSIGN_OR_RETURN(const PluginDescriptor* descriptor,
                             find_(PluginName(section.key, use->scalar), {}));
      PrintPlugin(section, {use->scalar, item.Find("default") != nullptr, descriptor});
      printed.push_back(descriptor);
    }
    for (const PluginDescriptor* other : available_) {
      if (!FitsOnlyHere(section, *other)) continue;
      if (std::find(printed.begin(), printed.end(), other) != printed.end()) continue;
      out_.SetOff(true);
      if (!section.list) out_.Line(1, std::string(section.key) + ":");
      PrintPlugin(section, {UseOf(section, *other), false, other});
      out_.SetOff(false);
    }
    return Status::Ok();
  }

  void PrintPlugin(const PluginSection& section, const Used& used) {
    const int indent = 2;
    out_.Comment(indent, std::string(used.descriptor->summary) + ".");
    out_.Line(indent, (section.list ? "- use: " : "use: ") + used.use);
    const int inner = section.list ? indent + 1 : indent;
    if (section.key == "executor") {
      out_.Comment(inner, "The name tasks pick it by.");
      out_.Line(inner, "name: " + used.use);
      out_.Comment(inner, "Runs the tasks that pick none; one executor is the default.");
      out_.Line(inner, std::string("default: ") + (used.is_default ? "true" : "false"));
    }
    for (std::size_t i = 0; i < used.descriptor->setting_count; ++i)
      out_.Setting(inner, used.descriptor->settings[i]);
  }

  // The section a plugin is printed in: the first that wants one of its roles, else components.
  static bool FitsOnlyHere(const PluginSection& section, const PluginDescriptor& descriptor) {
    for (const PluginSection& candidate : PluginSections()) {
      const std::vector<std::string> roles = host::SplitList(candidate.roles);
      bool fits = roles.empty();
      for (std::size_t u = 0; u < descriptor.unit_count && !fits; ++u) {
        const std::string_view role = descriptor.units[u].role;
        fits = std::find(roles.begin(), roles.end(), role.substr(0, role.find('/'))) != roles.end();
      }
      if (fits) return candidate.key == section.key;
    }
    return false;
  }

  static std::string UseOf(const PluginSection& section, const PluginDescriptor& descriptor) {
    const std::string_view name = descriptor.name;
    const std::string_view prefix = "executor-";
    const bool executor = section.key == "executor" && name.starts_with(prefix);
    return std::string(executor ? name.substr(prefix.size()) : name);
  }

  const FindPlugin& find_;
  const std::vector<const PluginDescriptor*>& available_;
  Printer out_;
};

}  // namespace

Result<std::string> PrintDefault(const FindPlugin& find,
                                 const std::vector<const PluginDescriptor*>& available) {
  return DefaultPrinter(find, available).Print();
}

}  // namespace swarm::config
