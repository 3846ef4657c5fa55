// swarmd: arguments and composition only.
//
// Exit codes: 0 stopped as asked (or nothing wrong found), 1 refused to start or any other error,
// 3 a part that ran could not go on, as when the disk under the log failed (tasks keep running;
// start again once it is mended), 128 + n ended at once by a second signal n.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "flags.h"
#include "host/registry.h"
#include "inspect.h"
#include "run.h"

namespace swarm::daemon {
namespace {

// Where this build's or installation's plugins lie, seen from the program itself.
std::vector<std::string> OwnPlugins() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const auto root = program.parent_path().parent_path();
  std::vector<std::string> out;
  for (const auto& folder : {root / "plugins", root / SWARM_PLUGIN_DIR}) {
    if (std::filesystem::is_directory(folder, error)) out.push_back(folder.string());
  }
  return out;
}

Result<std::string> ReadConfig(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    if (in && in.peek() == std::char_traits<char>::eof()) return std::string();
    return Status(Code::kNotFound, "configuration file " + file + " cannot be read");
  }
  return text.str();
}

class Program {
 public:
  explicit Program(Flags flags) : flags_(std::move(flags)), own_(OwnPlugins()) {
    own_.insert(own_.begin(), flags_.plugin_path.begin(), flags_.plugin_path.end());
  }

  int Run() {
    if (flags_.command == Flags::Command::kConfigDefault)
      return PrintDefaultConfig(registry_, own_);
    const bool check = flags_.command == Flags::Command::kConfigCheck;
    config::NodeConfig config;
    const bool good = Load(check ? flags_.check_file : flags_.config_file, &config);
    // A listing helps to mend a configuration: it does not wait for a good one.
    if (!good && flags_.command != Flags::Command::kPlugins) return 1;
    switch (flags_.command) {
      case Flags::Command::kPlugins:
        return ListPlugins(registry_, Path(config), config);
      case Flags::Command::kConfigCheck:
        return Check(config);
      default:
        return FitTogether(config) ? RunNode(std::move(config)) : 1;
    }
  }

 private:
  bool Load(const std::string& file, config::NodeConfig* out) {
    std::string text(config::BuiltInConfig());
    if (!file.empty()) {
      auto read = ReadConfig(file);
      if (!read.ok()) {
        std::cerr << "Error: " << read.status().message() << "\n";
        return false;
      }
      text = std::move(*read);
    }
    config::LoadResult loaded =
        config::Load(text, file.empty() ? "built-in configuration" : file, flags_.overrides,
                     [this](std::string_view name, const std::vector<std::string>& path) {
                       std::vector<std::string> folders = own_;
                       folders.insert(folders.end(), path.begin(), path.end());
                       return registry_.Load(name, folders);
                     });
    for (const std::string& error : loaded.errors) std::cerr << "Error: " << error << "\n";
    *out = std::move(loaded.config);
    return loaded.errors.empty();
  }

  std::vector<std::string> Path(const config::NodeConfig& config) const {
    std::vector<std::string> path = own_;
    path.insert(path.end(), config.plugin_path.begin(), config.plugin_path.end());
    return path;
  }

  // What could fill a gap.
  std::vector<const PluginDescriptor*> Available(const config::NodeConfig& config) {
    std::vector<const PluginDescriptor*> out;
    for (const auto& file : registry_.LoadAll(Path(config))) {
      if (file.descriptor != nullptr) out.push_back(file.descriptor);
    }
    return out;
  }

  // Only a gap is worth loading what is not used.
  bool FitTogether(const config::NodeConfig& config) {
    if (host::CheckPlugins(config.plugins).empty()) return true;
    for (const std::string& gap : host::CheckPlugins(config.plugins, Available(config)))
      std::cerr << "Error: " << gap << "\n";
    return false;
  }

  int Check(const config::NodeConfig& config) {
    if (!FitTogether(config)) return 1;
    std::cout << flags_.check_file << ": OK, " << config.plugins.size() << " plugins\n";
    return 0;
  }

  const Flags flags_;
  std::vector<std::string> own_;
  host::PluginRegistry registry_;
};

}  // namespace
}  // namespace swarm::daemon

int main(int argc, char** argv) {
  auto parsed = swarm::daemon::ParseFlags(argc, argv);
  if (parsed.exit) return parsed.code;
  return swarm::daemon::Program(std::move(parsed.flags)).Run();
}
