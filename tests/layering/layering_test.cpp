// The dependency rule: core includes no plugin; a plugin includes only the public headers, the
// protocol, libraries and its own sources, so that it could live outside this repository.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "source_tree.h"

namespace swarm::layering {
namespace {

using testing::IsEmpty;

class LayeringTest : public testing::Test {
 protected:
  static bool InTests(const std::string& file) { return file.find("/tests/") != std::string::npos; }
  static std::string Name(const Include& include) {
    return include.file + ":" + std::to_string(include.line) + " includes " + include.target;
  }
  // Whether the include is of a file in one of the folders.
  bool Within(const Include& include, const std::vector<std::string>& folders) const {
    return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
      return tree_.Exists(folder + "/" + include.target);
    });
  }
  static std::string FolderOf(const Include& include) {
    return std::filesystem::path(include.file).parent_path();
  }
  std::vector<std::string> Below(const std::string& folder, const std::string& inside) const {
    std::vector<std::string> out;
    for (const std::string& name : tree_.Folders(folder))
      out.push_back(folder + "/" + name + inside);
    return out;
  }
  // Folders with files that nobody but their owner includes, apart from `own`.
  std::vector<std::string> Foreign(const std::string& own) const {
    std::vector<std::string> out = {"core/src", "swarmd/src", "swarmctl/src"};
    for (const char* parent : {"plugins", "lib"}) {
      for (const std::string& folder : Below(parent, "")) {
        if (folder == own) continue;
        out.push_back(folder + "/src");
        out.push_back(folder);
      }
    }
    return out;
  }
  // Includes of `owner`'s files, tests aside, that reach what is not theirs.
  std::vector<std::string> Trespasses(const std::string& owner) const {
    std::vector<std::string> out;
    const std::vector<std::string> foreign = Foreign(owner);
    const std::vector<std::string> own = {owner, owner + "/src", owner + "/include"};
    for (const std::string& file : tree_.Sources(owner)) {
      if (InTests(file)) continue;
      for (const Include& include : tree_.Includes(file)) {
        if (Within(include, own) || Within(include, {FolderOf(include)})) continue;
        if (Within(include, foreign) || include.target.find("..") != std::string::npos)
          out.push_back(Name(include));
      }
    }
    return out;
  }

  const SourceTree tree_;
};

TEST_F(LayeringTest, TreeIsTheOneMeant) {
  EXPECT_TRUE(tree_.Exists("core/include/swarm/plugin.h"));
  EXPECT_GT(tree_.Sources("core").size(), 20u);
  EXPECT_GT(tree_.Folders("plugins").size(), 3u);
}

TEST_F(LayeringTest, CoreIncludesNoPluginAndNoLibrary) {
  std::vector<std::string> wrong;
  std::vector<std::string> foreign = {"sdk"};
  for (const char* inside : {"", "/src", "/include"}) {
    for (const char* parent : {"plugins", "lib"}) {
      for (std::string& folder : Below(parent, inside)) foreign.push_back(std::move(folder));
    }
  }
  for (const std::string& file : tree_.Sources("core")) {
    for (const Include& include : tree_.Includes(file)) {
      const bool own = Within(include, {"core/include", "core/src", FolderOf(include)});
      if (!own && Within(include, foreign)) wrong.push_back(Name(include));
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST_F(LayeringTest, PublicHeadersIncludeOnlyPublicHeadersAndTheProtocol) {
  std::vector<std::string> wrong;
  for (const std::string& file : tree_.Sources("core/include")) {
    for (const Include& include : tree_.Includes(file)) {
      const std::string& target = include.target;
      const bool standard = target.find('/') == std::string::npos && !target.ends_with(".h");
      const bool ours = target == "swarm/fingerprint.h" || Within(include, {"core/include"});
      const bool allowed = standard || ours || target.starts_with("swarmkit/") ||
                           target.starts_with("etcd/") || target.starts_with("google/protobuf/") ||
                           target.starts_with("absl/") || target == "boost/version.hpp";
      if (!allowed) wrong.push_back(Name(include));
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST_F(LayeringTest, PluginsIncludeNeitherTheCoreNorEachOther) {
  std::vector<std::string> wrong;
  for (const std::string& plugin : Below("plugins", "")) {
    for (std::string& line : Trespasses(plugin)) wrong.push_back(std::move(line));
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST_F(LayeringTest, LibrariesIncludeNeitherTheCoreNorPlugins) {
  std::vector<std::string> wrong;
  for (const std::string& library : Below("lib", "")) {
    for (std::string& line : Trespasses(library)) wrong.push_back(std::move(line));
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST_F(LayeringTest, OnlyTheRpcLayerKnowsGrpc) {
  std::vector<std::string> wrong;
  for (const char* folder : {"core", "lib", "plugins", "sdk"}) {
    for (const std::string& file : tree_.Sources(folder)) {
      if (file.starts_with("core/src/rpc/") || file.starts_with("core/src/tls/") || InTests(file))
        continue;
      for (const Include& include : tree_.Includes(file)) {
        if (include.target.starts_with("grpc")) wrong.push_back(Name(include));
      }
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

// Time, threads and chance come through swarm/runtime.h, or a simulation could not replay them.
TEST_F(LayeringTest, PluginsHaveNoThreadsClocksOrDiceOfTheirOwn) {
  constexpr const char* kForbidden[] = {
      "std::thread",       "std::jthread",      "std::this_thread", "std::random_device",
      "system_clock::now", "steady_clock::now", "std::mt19937",     "std::async("};
  std::vector<std::string> wrong;
  for (const char* folder : {"lib", "plugins", "core/src/simulation", "core/src/host"}) {
    for (const std::string& file : tree_.Sources(folder)) {
      if (InTests(file)) continue;
      for (const std::string& line : tree_.Lines(file)) {
        const std::string code = line.substr(0, line.find("//"));
        for (const char* word : kForbidden) {
          if (code.find(word) != std::string::npos) wrong.push_back(file + " uses " + word);
        }
      }
    }
  }
  EXPECT_THAT(wrong, IsEmpty());
}

TEST_F(LayeringTest, EveryPluginHasItsParts) {
  std::vector<std::string> missing;
  for (const std::string& plugin : Below("plugins", "")) {
    if (!tree_.Exists(plugin + "/CMakeLists.txt")) continue;  // not a plugin yet
    for (const char* part : {"/README.md", "/plugin.cpp", "/src", "/tests"}) {
      if (!tree_.Exists(plugin + part)) missing.push_back(plugin + part);
    }
  }
  EXPECT_THAT(missing, IsEmpty());
}

}  // namespace
}  // namespace swarm::layering
