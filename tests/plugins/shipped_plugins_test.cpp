// What must hold of every plugin that is built.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "config/config.h"
#include "host/host.h"
#include "host/registry.h"

namespace swarm {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> PluginFiles() {
  std::vector<std::string> out;
  std::istringstream in(Environment("SWARM_PLUGIN_FILES"));
  for (std::string file; std::getline(in, file, ',');)
    if (!file.empty()) out.push_back(file);
  return out;
}

std::vector<std::string> OutputOf(const std::string& command) {
  std::vector<std::string> lines;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return lines;
  char line[4096];
  while (std::fgets(line, sizeof line, pipe) != nullptr) lines.emplace_back(line);
  ::pclose(pipe);
  return lines;
}

class ShippedPluginsTest : public testing::Test {
 protected:
  ShippedPluginsTest() {
    std::vector<std::string> folders;
    for (const std::string& file : PluginFiles()) folders.push_back(fs::path(file).parent_path());
    std::sort(folders.begin(), folders.end());
    folders.erase(std::unique(folders.begin(), folders.end()), folders.end());
    folders_ = folders;
  }
  std::vector<const PluginDescriptor*> All() {
    std::vector<const PluginDescriptor*> out;
    for (const std::string& file : PluginFiles()) {
      std::string name = fs::path(file).stem().string().substr(std::string("libswarm_").size());
      std::replace(name.begin(), name.end(), '_', '-');
      const auto loaded = registry_.Load(name, folders_);
      EXPECT_TRUE(loaded.ok()) << loaded.status();
      if (loaded.ok()) out.push_back(*loaded);
    }
    return out;
  }

  config::FindPlugin Finder() {
    return [this](std::string_view name, const std::vector<std::string>&) {
      return registry_.Load(name, folders_);
    };
  }

  std::vector<std::string> folders_;
  host::PluginRegistry registry_;
};

TEST_F(ShippedPluginsTest, EachExportsItsDescriptorAlone) {
  ASSERT_THAT(PluginFiles(), testing::Not(IsEmpty()));
  for (const std::string& file : PluginFiles()) {
    const std::string id = fs::path(file).stem().string().substr(std::string("libswarm_").size());
    EXPECT_THAT(OutputOf("nm -D --defined-only '" + file + "'"),
                ElementsAre(HasSubstr(" swarm_plugin_" + id)))
        << file;
  }
}

TEST_F(ShippedPluginsTest, EachIsAcceptedByTheRegistry) {
  EXPECT_EQ(All().size(), PluginFiles().size());
}

TEST_F(ShippedPluginsTest, EachDefaultFitsItsOwnSchema) {
  for (const PluginDescriptor* plugin : All()) {
    // Required keys have no default; they are given something.
    std::string section = "{use: " + std::string(plugin->name);
    for (std::size_t i = 0; i < plugin->setting_count; ++i) {
      const SettingDescriptor& setting = plugin->settings[i];
      if (setting.default_value == nullptr) section += ", " + std::string(setting.key) + ": \"1\"";
    }
    const auto find = [plugin](std::string_view, const std::vector<std::string>&) {
      return Result<const PluginDescriptor*>(plugin);
    };
    std::string text = "plugins:\n  components: [" + section + "}]\n";
    for (const char* single : {"consensus", "store", "proxy", "dispatcher", "ca", "agent"})
      text += "  " + std::string(single) + ": {use: none}\n";
    text += "  executor: []\n  control: []\n";
    EXPECT_THAT(config::Load(text, plugin->name, {}, find).errors, IsEmpty());
  }
}

TEST_F(ShippedPluginsTest, EachSettingHasASentenceOfHelp) {
  for (const PluginDescriptor* plugin : All()) {
    for (std::size_t i = 0; i < plugin->setting_count; ++i) {
      const std::string_view help = plugin->settings[i].help;
      EXPECT_TRUE(help.size() > 10 && std::isupper(static_cast<unsigned char>(help.front())))
          << plugin->name << " " << plugin->settings[i].key << ": " << help;
    }
  }
}

TEST_F(ShippedPluginsTest, BuiltInConfigurationFitsTogether) {
  All();
  const config::LoadResult loaded = config::Load("", "built-in", {}, Finder());
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_THAT(host::CheckPlugins(loaded.config.plugins), IsEmpty());
}

TEST_F(ShippedPluginsTest, PrintedDefaultLoadsToTheBuiltInConfiguration) {
  const Result<std::string> printed = config::PrintDefault(Finder(), All());
  ASSERT_TRUE(printed.ok()) << printed.status();
  const config::LoadResult again = config::Load(*printed, "printed", {}, Finder());
  EXPECT_THAT(again.errors, IsEmpty()) << *printed;
  const config::LoadResult built_in = config::Load("", "built-in", {}, Finder());
  ASSERT_EQ(again.config.plugins.size(), built_in.config.plugins.size());
  for (std::size_t i = 0; i < built_in.config.plugins.size(); ++i)
    EXPECT_EQ(again.config.plugins[i].name, built_in.config.plugins[i].name);
}

TEST_F(ShippedPluginsTest, EachReadmeNamesEverySetting) {
  for (const PluginDescriptor* plugin : All()) {
    std::ifstream in(Environment("SWARM_SOURCE_DIR") + "/plugins/" + plugin->name + "/README.md");
    const std::string readme(std::istreambuf_iterator<char>(in), {});
    for (std::size_t i = 0; i < plugin->setting_count; ++i) {
      EXPECT_THAT(readme, HasSubstr(plugin->settings[i].key))
          << "plugins/" << plugin->name << "/README.md";
    }
  }
}

}  // namespace
}  // namespace swarm
