// Real shared objects, good and broken, and the sentence each broken one is refused with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/config.h"
#include "host/elf.h"
#include "host/host.h"
#include "host/registry.h"
#include "host/tests/fakes.h"
#include "swarm/simulation.h"

namespace swarm::host {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string BuiltFolder() {
  const char* build = std::getenv("SWARM_BUILD_DIR");
  return fs::canonical(std::string(build == nullptr ? "." : build) + "/test_plugins");
}

class LoaderTest : public testing::Test {
 protected:
  LoaderTest() {
    std::string pattern = testing::TempDir() + "swarm-loader-XXXXXX";
    folder_ = fs::canonical(::mkdtemp(pattern.data()));
  }
  ~LoaderTest() override { fs::remove_all(folder_); }

  // A copy of a built plugin in the test's own folder.
  std::string Copy(const std::string& id, const std::string& new_id = "") {
    const std::string target = PluginFile(folder_, new_id.empty() ? id : new_id);
    fs::copy_file(PluginFile(BuiltFolder(), id), target);
    return target;
  }
  Status Load(const std::string& name) { return registry_.Load(name, {folder_}).status(); }
  // What Load says without the part that names the file.
  std::string Refusal(const std::string& name) {
    Copy(name);
    return Reason(name);
  }
  std::string Reason(const std::string& name) {
    const Status status = Load(name);
    const std::string prefix = "plugin file " + PluginFile(folder_, name) + " refused: ";
    EXPECT_THAT(status.message(), StartsWith(prefix));
    return status.message().substr(std::min(prefix.size(), status.message().size()));
  }
  config::FindPlugin Finder() {
    return [this](std::string_view name, const std::vector<std::string>&) {
      return registry_.Load(name, {folder_});
    };
  }

  std::string folder_;
  PluginRegistry registry_;
  Simulation simulation_{1};
};

TEST_F(LoaderTest, GoodPluginIsReadAsData) {
  Copy("good");
  const auto loaded = registry_.Load("good", {"/nowhere", folder_});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_STREQ((*loaded)->name, "good");
  EXPECT_STREQ((*loaded)->units[0].role, "component/1");
  EXPECT_EQ(*registry_.Load("good", {}), *loaded);
  EXPECT_EQ(registry_.Find("good"), *loaded);
  ASSERT_EQ(registry_.known().size(), 1u);
  EXPECT_EQ(registry_.known()[0].file, PluginFile(folder_, "good"));
}

TEST_F(LoaderTest, HyphenInTheNameIsUnderscoreInTheFile) {
  Copy("two-words");
  EXPECT_EQ(Load("two-words"), Status::Ok());
}

TEST_F(LoaderTest, FirstFolderWins) {
  Copy("good");
  ASSERT_TRUE(registry_.Load("good", {folder_, BuiltFolder()}).ok());
  EXPECT_EQ(registry_.known()[0].file, PluginFile(folder_, "good"));
}

TEST_F(LoaderTest, MissingPluginNamesFoldersAndTheNearest) {
  Copy("good");
  EXPECT_EQ(Load("god"), Status(Code::kNotFound, "no plugin god: no file libswarm_god.so in " +
                                                     folder_ + "; did you mean good?"));
  EXPECT_EQ(registry_.Load("good", {}).status(),
            Status(Code::kNotFound, "no plugin good: plugins.path names no folder"));
}

TEST_F(LoaderTest, NameThatIsAPathIsRefused) {
  EXPECT_EQ(Load("../good"), Status(Code::kInvalidArgument,
                                    "\"../good\" is not the name of a plugin: lower-case "
                                    "letters, digits and '-'"));
}

TEST_F(LoaderTest, TextFileIsNotASharedObject) {
  std::ofstream(PluginFile(folder_, "text")) << "#!/bin/sh\n";
  EXPECT_EQ(Reason("text"), "not a shared object: it does not begin as an ELF file");
}

TEST_F(LoaderTest, EmptyFileIsNotASharedObject) {
  std::ofstream(PluginFile(folder_, "empty")).flush();
  EXPECT_EQ(Reason("empty"), "not a shared object: it does not begin as an ELF file");
}

TEST_F(LoaderTest, CutFileIsDamaged) {
  const std::string file = Copy("good");
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_EQ(Reason("good"), "a damaged shared object");
}

// Names, or a refusal; never more than the file holds.
TEST_F(LoaderTest, MangledFilesAreReadWithoutHarm) {
  std::ifstream in(PluginFile(BuiltFolder(), "good"), std::ios::binary);
  const std::string good(std::istreambuf_iterator<char>(in), {});
  ASSERT_EQ(ExportedSymbols(good)->size(), 1u);
  // Headers, and the section table at the end, are where it can hurt.
  const std::size_t table = good.size() - std::min<std::size_t>(good.size(), 4096);
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string image = good;
    for (std::uint64_t change = simulation_.random().Below(6) + 1; change > 0; --change) {
      const bool head = simulation_.random().Below(2) == 0;
      const std::size_t at = head ? simulation_.random().Below(64)
                                  : table + simulation_.random().Below(good.size() - table);
      image[at] = static_cast<char>(simulation_.random().Next());
    }
    refused += ExportedSymbols(image).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 0);
}

TEST_F(LoaderTest, ProgramIsNotAPlugin) {
  fs::copy_file("/proc/self/exe", PluginFile(folder_, "program"));
  EXPECT_THAT(Reason("program"), HasSubstr("not a plugin"));
}

TEST_F(LoaderTest, WrongMagic) {
  EXPECT_EQ(Refusal("wrong-magic"),
            "its descriptor begins with 0x00000007 instead of 0x4d525753; "
            "it is not a plugin of this program");
}

TEST_F(LoaderTest, TooSmallStruct) {
  EXPECT_EQ(Refusal("small-struct"), "its descriptor has 24 bytes, ABI " +
                                         std::to_string(kAbiVersion) + " needs " +
                                         std::to_string(sizeof(PluginDescriptor)));
}

TEST_F(LoaderTest, WrongAbiNamesBoth) {
  EXPECT_EQ(Refusal("wrong-abi"), "it was built for plugin ABI 999, the core has ABI " +
                                      std::to_string(kAbiVersion) +
                                      "; build it against this version's SDK");
}

TEST_F(LoaderTest, WrongFingerprintNamesThePartsAndBoth) {
  const std::string reason = Refusal("wrong-fingerprint");
  EXPECT_THAT(reason, StartsWith("it was built with "));
  EXPECT_THAT(reason, HasSubstr("compiler gcc3 where the core has "));
  EXPECT_THAT(reason, HasSubstr("planet mars where the core has none"));
  EXPECT_THAT(reason, HasSubstr("protobuf unknown where the core has "));
  EXPECT_THAT(reason, HasSubstr("(plugin: \"compiler=gcc3 cxx=199711L planet=mars\"; core: \"" +
                                std::string(kFingerprint) + "\")"));
}

TEST_F(LoaderTest, TwoSymbols) {
  EXPECT_EQ(Refusal("two-symbols"),
            "it exports 2 symbols (swarm_plugin_two_symbols, swarm_second_symbol); a plugin "
            "exports swarm_plugin_two_symbols alone");
}

TEST_F(LoaderTest, NoSymbol) {
  EXPECT_EQ(Refusal("no-symbol"),
            "it exports no symbol swarm_plugin_no_symbol; it is not a plugin");
}

TEST_F(LoaderTest, UndefinedSymbolIsFoundAtLoading) {
  EXPECT_THAT(Refusal("undefined-symbol"),
              HasSubstr("undefined symbol: swarm_test_symbol_that_nobody_defines"));
}

TEST_F(LoaderTest, WrongRole) {
  EXPECT_EQ(Refusal("wrong-role"), "unit 0 of its descriptor has no role such as \"store/1\"");
}

TEST_F(LoaderTest, FileNameAndSymbolDisagree) {
  Copy("good", "renamed");
  EXPECT_EQ(Reason("renamed"),
            "its name asks for the symbol swarm_plugin_renamed, but it exports swarm_plugin_good");
}

TEST_F(LoaderTest, FileNameAndDescriptorDisagree) {
  EXPECT_EQ(Refusal("other-name"),
            "its file is called libswarm_other_name.so, but its descriptor names it another-name");
}

TEST_F(LoaderTest, FileThatEverybodyMayWrite) {
  const std::string file = Copy("good");
  ::chmod(file.c_str(), 0666);
  EXPECT_EQ(Reason("good"), "its file " + file +
                                " can be written by everybody (mode 0666); only root and the user "
                                "running this program may");
}

TEST_F(LoaderTest, FileThatItsGroupMayWrite) {
  const std::string file = Copy("good");
  ::chmod(file.c_str(), 0775);
  EXPECT_THAT(Reason("good"), HasSubstr("can be written by group "));
}

TEST_F(LoaderTest, FolderThatEverybodyMayWrite) {
  Copy("good");
  ::chmod(folder_.c_str(), 0777);
  EXPECT_EQ(Reason("good"), "its folder " + folder_ +
                                " can be written by everybody (mode 0777); only root and the user "
                                "running this program may");
}

TEST_F(LoaderTest, FileOfAnotherUser) {
  const std::string file = Copy("good");
  if (::chown(file.c_str(), 12345, 0) != 0) {
    // Nobody but root can give a file away; then the check is of a file that root owns.
    EXPECT_EQ(Load("good"), Status::Ok());
    return;
  }
  EXPECT_THAT(Reason("good"), HasSubstr("can be written by its owner, user 12345"));
}

TEST_F(LoaderTest, LinkIsJudgedByWhatItPointsTo) {
  const std::string file = Copy("good", "elsewhere");
  fs::create_symlink(file, PluginFile(folder_, "good"));
  EXPECT_EQ(Load("good"), Status::Ok());
  fs::create_symlink("/nonexistent", PluginFile(folder_, "two-words"));
  EXPECT_THAT(Reason("two-words"), StartsWith("it cannot be read"));
}

TEST_F(LoaderTest, NameIsTakenOnce) {
  Copy("good");
  ASSERT_EQ(Load("good"), Status::Ok());
  EXPECT_EQ(registry_.Add(*registry_.Find("good")),
            Status(Code::kAlreadyExists, "plugin good is there already; a name is used once"));
}

TEST_F(LoaderTest, LinkedPluginIsCheckedAsAFileIs) {
  FakeSet fakes;
  PluginDescriptor old = *fakes.Available("old", "component/1", Scope::kManager);
  old.abi = 12;
  EXPECT_THAT(registry_.Add(old).message(), HasSubstr("built for plugin ABI 12"));
}

TEST_F(LoaderTest, LinkedPluginComesBeforeAFile) {
  Copy("good");
  FakeSet fakes;
  const PluginDescriptor* linked = fakes.Available("good", "component/1", Scope::kManager);
  ASSERT_EQ(registry_.Add(*linked), Status::Ok());
  EXPECT_EQ(*registry_.Load("good", {folder_}), linked);
}

TEST_F(LoaderTest, ListingShowsGoodAndRefused) {
  Copy("good");
  Copy("wrong-abi");
  std::ofstream(folder_ + "/readme.txt").flush();
  const std::vector<FoundFile> found = registry_.LoadAll({folder_, "/nowhere"});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_STREQ(found[0].descriptor->name, "good");
  EXPECT_EQ(found[1].descriptor, nullptr);
  EXPECT_THAT(found[1].refusal.message(), HasSubstr("ABI 999"));
}

// From here on: whole configurations.

TEST_F(LoaderTest, RefusalIsShownAtThePlaceThatNamesThePlugin) {
  Copy("wrong-abi");
  const auto result = config::Load("plugins: {control: [], components: [{use: wrong-abi}]}\n",
                                   "f.yaml", {}, Finder());
  EXPECT_THAT(result.errors,
              testing::Contains(StartsWith("f.yaml:1:43: plugins.components.use: plugin file " +
                                           PluginFile(folder_, "wrong-abi") + " refused: ")));
}

class LoadedHostTest : public LoaderTest {
 protected:
  std::vector<ConfiguredPlugin> Configure(const std::string& components) {
    std::string text = "plugins:\n  components: [" + components + "]\n";
    for (const char* section : {"consensus", "store", "proxy", "dispatcher", "ca", "agent"})
      text += "  " + std::string(section) + ": {use: none}\n";
    text += "  executor: []\n  control: []\n";
    auto result = config::Load(text, "f.yaml", {}, Finder());
    EXPECT_THAT(result.errors, IsEmpty());
    return std::move(result.config.plugins);
  }
  Result<std::unique_ptr<PluginHost>> Host(const std::string& components) {
    return MakePluginHost({Logger(), &machine_.runtime(), &network_, &router_},
                          Configure(components), *loop_);
  }

  Machine& machine_ = simulation_.AddMachine("m");
  std::unique_ptr<Loop> loop_ = machine_.runtime().NewLoop("host", LoopKind::kShared);
  NoNetwork network_;
  NoRouter router_;
};

TEST_F(LoadedHostTest, GoodPluginStartsAndStops) {
  Copy("good");
  auto host = Host("{use: good, size: 3}");
  ASSERT_TRUE(host.ok()) << host.status();
  std::optional<Status> started;
  (*host)->manager().Start({}, [&](Status status) { started = status; });
  simulation_.Settle();
  EXPECT_EQ(started, Status::Ok());
  EXPECT_NE((*host)->manager().Find("component/1"), nullptr);
  (*host)->manager().Stop([] {});
  simulation_.Settle();
  EXPECT_EQ((*host)->manager().state(), ScopeState::kStopped);
}

TEST_F(LoadedHostTest, FailedStartIsExplainedAndLeavesNothing) {
  Copy("good");
  Copy("start-fails");
  auto host = Host("{use: good}, {use: start-fails}");
  ASSERT_TRUE(host.ok()) << host.status();
  std::optional<Status> started;
  (*host)->manager().Start({}, [&](Status status) { started = status; });
  simulation_.Settle();
  EXPECT_EQ(started, Status(Code::kUnavailable,
                            "f.yaml:2:29: plugin start-fails could not be started: port 1 is "
                            "taken"));
  EXPECT_EQ((*host)->manager().state(), ScopeState::kStopped);
}

TEST_F(LoadedHostTest, CircleIsPrinted) {
  Copy("circle-a");
  Copy("circle-b");
  EXPECT_EQ(Host("{use: circle-a}, {use: circle-b}").status(),
            Status(Code::kFailedPrecondition,
                   "plugins of scope manager wait for each other in a circle: circle-a requires "
                   "b/1 of circle-b, circle-b requires a/1 of circle-a"));
}

TEST_F(LoadedHostTest, GapNamesTheFileThatFillsIt) {
  Copy("needy");
  Copy("circle-a");
  const auto plugins = Configure("{use: needy}");
  std::vector<const PluginDescriptor*> available;
  for (const FoundFile& file : registry_.LoadAll({folder_}))
    if (file.descriptor != nullptr) available.push_back(file.descriptor);
  EXPECT_THAT(CheckPlugins(plugins, available),
              ElementsAre("f.yaml:2:16: plugin needy (scope manager) requires a/1, which no "
                          "configured plugin provides; available: circle-a"));
}

}  // namespace
}  // namespace swarm::host
