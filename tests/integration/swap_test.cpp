// Parts are swapped by the YAML file alone: the same swarmd and the same core library, other
// plugins. The outside ones are the SDK's templates, built against the installed SDK.
#include <gtest/gtest.h>

#include <sstream>

#include "support/cluster.h"

namespace swarm::test {
namespace {

std::string Digests() {
  const Finished sums = Execute(
      {"sha256sum", BuildDirectory() + "/bin/swarmd", BuildDirectory() + "/lib/libswarm_core.so"});
  EXPECT_EQ(sums.code, 0) << sums.err;
  return sums.out;
}

// Installs the SDK and builds every template outside the tree; the folder with their modules.
const std::string& OutsidePlugins() {
  static TemporaryFolder folder;
  static const std::string built = [] {
    const std::string prefix = folder / "prefix";
    Finished step = Execute({"cmake", "--install", BuildDirectory(), "--prefix", prefix});
    EXPECT_EQ(step.code, 0) << step.err;
    for (const char* name : {"executor", "proxy", "consensus"}) {
      const std::string build = folder / std::string(name);
      step = Execute({"cmake", "-G", "Ninja", "-S", prefix + "/share/swarmd/templates/" + name,
                      "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix, "-DCMAKE_BUILD_TYPE=Debug"});
      EXPECT_EQ(step.code, 0) << step.out << step.err;
      step = Execute({"cmake", "--build", build});
      EXPECT_EQ(step.code, 0) << step.out << step.err;
      Execute({"mkdir", "-p", folder / "plugins"});
      Execute(
          {"find", build, "-name", "libswarm_*.so", "-exec", "cp", "{}", folder / "plugins", ";"});
    }
    return folder / "plugins";
  }();
  return built;
}

std::string Yaml(const std::string& consensus, const std::string& proxy,
                 const std::string& executor, const std::string& extra_path = "") {
  std::string path = BuildDirectory() + "/plugins";
  if (!extra_path.empty()) path += ", " + extra_path;
  return "plugins:\n  path: [" + path + "]\n  consensus: {use: " + consensus +
         "}\n  store: {use: store}\n  proxy: {use: " + proxy +
         "}\n  executor:\n    - {use: " + executor + ", default: true}\n";
}

void ExpectRunsAService(const std::string& yaml) {
  Manager manager;
  ASSERT_TRUE(manager.StartWithConfig(yaml)) << yaml << manager.log();
  const Finished created = manager.Ctl({"service", "create", "--name", "web", "--image", "any",
                                        "--replicas", "2", "--args", "sleep,3600"});
  ASSERT_EQ(created.code, 0) << created.err;
  EXPECT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 2; })) << yaml << manager.log();
}

TEST(SwapTest, ExecutorsShippedWithTheCore) {
  const std::string before = Digests();
  ExpectRunsAService(Yaml("standalone", "proxy-direct", "process"));
  ExpectRunsAService(Yaml("standalone", "proxy-direct", "sim"));
  EXPECT_EQ(Digests(), before);
}

TEST(SwapTest, ExecutorProxyAndConsensusFromOutside) {
  const std::string before = Digests();
  const std::string& outside = OutsidePlugins();
  ExpectRunsAService(Yaml("standalone", "proxy-direct", "template", outside));
  ExpectRunsAService(Yaml("standalone", "proxy-template", "sim", outside));
  ExpectRunsAService(Yaml("consensus-template", "proxy-direct", "sim", outside));
  EXPECT_EQ(Digests(), before);
}

}  // namespace
}  // namespace swarm::test
