// What a person meets who starts swarmd with something wrong: the place, the reason, exit code 1,
// and nothing left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace swarm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Finished {
  int code = -1;
  std::string output;
};

class RefusedStartsTest : public testing::Test {
 protected:
  RefusedStartsTest() {
    std::string pattern = testing::TempDir() + "swarm-refused-XXXXXX";
    folder_ = fs::canonical(::mkdtemp(pattern.data()));
  }
  ~RefusedStartsTest() override { fs::remove_all(folder_); }

  static std::string Build() {
    const char* build = std::getenv("SWARM_BUILD_DIR");
    return build == nullptr ? "." : build;
  }
  // Writes c.yaml and runs swarmd; 20 seconds are far more than a refusal takes.
  Finished Swarmd(const std::string& yaml, const std::string& arguments) {
    std::ofstream(folder_ + "/c.yaml") << yaml;
    Finished finished;
    const std::string command =
        "cd '" + folder_ + "' && timeout 20 '" + Build() + "/bin/swarmd' " + arguments + " 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return finished;
    char part[4096];
    while (const std::size_t size = std::fread(part, 1, sizeof part, pipe))
      finished.output.append(part, size);
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) finished.code = WEXITSTATUS(status);
    return finished;
  }
  // A start and a check of the same file say the same, and neither leaves a state folder.
  void ExpectRefused(const std::string& yaml, const std::string& line) {
    const std::string node = "node: {state_dir: " + folder_ + "/state}\n" +
                             "listen: {remote: \"127.0.0.1:0\", control: {socket: " + folder_ +
                             "/s}}\n" + yaml;
    for (const char* how : {"--config c.yaml", "config check c.yaml"}) {
      const Finished finished = Swarmd(node, how);
      EXPECT_EQ(finished.code, 1) << how << "\n" << finished.output;
      EXPECT_THAT(finished.output, HasSubstr("Error: " + line)) << how;
    }
    EXPECT_FALSE(fs::exists(folder_ + "/state"));
  }
  std::string TinyPlugins() const { return Build() + "/test_plugins"; }

  std::string folder_;
};

TEST_F(RefusedStartsTest, UnknownKey) {
  ExpectRefused("log: {levle: info}\n",
                "c.yaml:3:7: unknown key \"levle\" in log; did you mean \"level\"?");
}

TEST_F(RefusedStartsTest, DuplicateKey) {
  ExpectRefused("log: {level: info, level: debug}\n",
                "c.yaml:3:20: key \"level\" in log is given twice; first at c.yaml:3:7");
}

TEST_F(RefusedStartsTest, WrongType) {
  ExpectRefused("plugins: {components: {use: scheduler}}\n",
                "c.yaml:3:23: plugins.components: expected a list");
}

TEST_F(RefusedStartsTest, MissingPlugin) {
  ExpectRefused("plugins: {consensus: {use: standalon}}\n",
                "c.yaml:3:28: plugins.consensus.use: no plugin standalon: no file");
}

TEST_F(RefusedStartsTest, GapIsNamedWithWhatFillsIt) {
  ExpectRefused("plugins: {consensus: {use: none}}\n",
                "built-in configuration:3:10: plugin store (scope manager) requires consensus/1, "
                "which no configured plugin provides; available: raft, standalone");
}

TEST_F(RefusedStartsTest, TwoProvidersOfTheStore) {
  ExpectRefused("plugins: {components: [{use: store}]}\n",
                "c.yaml:3:24: plugin store is named twice; the first time at built-in "
                "configuration:3:10");
}

TEST_F(RefusedStartsTest, CircleIsPrinted) {
  ExpectRefused("plugins:\n  path: [" + TinyPlugins() +
                    "]\n  components: [{use: circle-a}, {use: circle-b}]\n",
                "plugins of scope manager wait for each other in a circle: circle-a requires b/1 "
                "of circle-b, circle-b requires a/1 of circle-a");
}

TEST_F(RefusedStartsTest, PluginOfAnotherAbi) {
  ExpectRefused("plugins:\n  path: [" + TinyPlugins() + "]\n  components: [{use: wrong-abi}]\n",
                "c.yaml:5:22: plugins.components.use: plugin file " + TinyPlugins() +
                    "/libswarm_wrong_abi.so refused: it was built for plugin ABI 999");
}

TEST_F(RefusedStartsTest, WrongFlag) {
  const Finished finished = Swarmd("", "--listen-remote-api nowhere");
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.output,
              HasSubstr("Error: --listen-remote-api: listen.remote: expected host:port"));
}

TEST_F(RefusedStartsTest, MissingFile) {
  const Finished finished = Swarmd("", "--config absent.yaml");
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.output, HasSubstr("absent.yaml"));
}

// Refused by the plugin itself, once it runs: the others are stopped first.
TEST_F(RefusedStartsTest, PluginThatDoesNotStart) {
  const Finished finished = Swarmd(
      "node: {state_dir: " + folder_ +
          "/state}\nlisten: {remote: \"127.0.0.1:0\", control: " + "{socket: " + folder_ +
          "/s}}\nplugins:\n  path: [" + TinyPlugins() + "]\n  components: [{use: start-fails}]\n",
      "--config c.yaml");
  EXPECT_EQ(finished.code, 1) << finished.output;
  EXPECT_THAT(finished.output,
              HasSubstr("plugin start-fails could not be started: port 1 is taken"));
  EXPECT_FALSE(fs::exists(folder_ + "/s")) << "the socket is left";
}

TEST_F(RefusedStartsTest, PrintedDefaultIsAccepted) {
  const Finished printed = Swarmd("", "config default");
  ASSERT_EQ(printed.code, 0);
  const Finished checked = Swarmd(printed.output, "config check c.yaml");
  EXPECT_EQ(checked.code, 0) << checked.output;
}

}  // namespace
}  // namespace swarm
