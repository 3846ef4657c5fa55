// The SDK as a plugin author meets it: installed, the templates copied out and built against it,
// the plugins loaded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "config/config.h"
#include "host/host.h"
#include "host/registry.h"

namespace swarm {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;

struct Finished {
  int code;
  std::string output;
};

Finished Shell(const std::string& command) {
  Finished finished{-1, ""};
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return finished;
  char part[4096];
  while (const std::size_t size = std::fread(part, 1, sizeof part, pipe))
    finished.output.append(part, size);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) finished.code = WEXITSTATUS(status);
  return finished;
}

class OutsideTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = testing::TempDir() + "swarm-sdk-XXXXXX";
    folder_ = fs::canonical(::mkdtemp(pattern.data()));
    const char* build = std::getenv("SWARM_BUILD_DIR");
    ASSERT_NE(build, nullptr);
    const Finished installed = Shell("cmake --install '" + std::string(build) +
                                     "' --component sdk --prefix '" + folder_ + "/prefix'");
    ASSERT_EQ(installed.code, 0) << installed.output;
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  // The folder with the plugin built from a template.
  static std::string Build(const std::string& role, const std::string& copy) {
    const std::string source = folder_ + "/" + copy;
    const std::string build = source + "/build";
    fs::copy(folder_ + "/prefix/share/swarmd/templates/" + role, source,
             fs::copy_options::recursive);
    const Finished configured =
        Shell("cmake -G Ninja -S '" + source + "' -B '" + build + "' -DCMAKE_PREFIX_PATH='" +
              folder_ + "/prefix' -DCMAKE_CXX_FLAGS='-O0 -Werror' " + Launcher());
    EXPECT_EQ(configured.code, 0) << configured.output;
    const Finished built = Shell("cmake --build '" + build + "'");
    EXPECT_EQ(built.code, 0) << built.output;
    return build + "/plugins";
  }
  static std::string Launcher() {
    return Shell("ccache --version").code == 0 ? "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache" : "";
  }

  static inline std::string folder_;
};

TEST_F(OutsideTest, TemplatesBuildOutsideTheTreeAndAreUsed) {
  host::PluginRegistry registry;
  std::string path;
  for (const char* role : {"executor", "proxy", "consensus"})
    path += (path.empty() ? "" : ", ") + Build(role, role);
  const auto find = [&registry](std::string_view name, const std::vector<std::string>& folders) {
    return registry.Load(name, folders);
  };
  const std::string yaml = "plugins:\n  path: [" + path +
                           "]\n"
                           "  consensus: {use: consensus-template, history: 5}\n"
                           "  proxy: {use: proxy-template, log_calls: false}\n"
                           "  executor: [{use: template, cpus: 2, memory: 1GiB}]\n"
                           "  store: {use: none}\n  dispatcher: {use: none}\n"
                           "  ca: {use: none}\n  agent: {use: none}\n"
                           "  control: []\n  components: []\n";
  const config::LoadResult loaded = config::Load(yaml, "outside.yaml", {}, find);
  ASSERT_THAT(loaded.errors, IsEmpty());
  ASSERT_EQ(loaded.config.plugins.size(), 3u);
  EXPECT_THAT(host::CheckPlugins(loaded.config.plugins), IsEmpty());
  for (const host::KnownPlugin& plugin : registry.known())
    EXPECT_TRUE(plugin.file.starts_with(folder_)) << plugin.file;
}

TEST_F(OutsideTest, PluginInstallsBesideTheCore) {
  const std::string built = fs::path(Build("proxy", "proxy-again")).parent_path();
  const Finished installed =
      Shell("cmake --install '" + built + "' --prefix '" + folder_ + "/prefix'");
  ASSERT_EQ(installed.code, 0) << installed.output;
  bool found = false;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ + "/prefix"))
    found |= entry.path().filename() == "libswarm_proxy_template.so";
  EXPECT_TRUE(found);
}

// A wrong version of the SDK is refused by CMake, before anything is built.
TEST_F(OutsideTest, OtherVersionIsRefused) {
  const std::string source = folder_ + "/other";
  fs::create_directory(source);
  const std::string lists =
      "cmake_minimum_required(VERSION 3.22)\nproject(other CXX)\n"
      "find_package(swarmd 99 REQUIRED)\n";
  std::FILE* file = std::fopen((source + "/CMakeLists.txt").c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(lists.c_str(), file);
  std::fclose(file);
  const Finished configured = Shell("cmake -S '" + source + "' -B '" + source +
                                    "/build' -DCMAKE_PREFIX_PATH='" + folder_ + "/prefix'");
  EXPECT_NE(configured.code, 0);
  EXPECT_THAT(configured.output, testing::HasSubstr("99"));
}

}  // namespace
}  // namespace swarm
