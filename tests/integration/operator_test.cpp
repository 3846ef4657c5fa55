// What an operator meets at the edges: a disk that fails, keys that nothing serves, several
// executors.
#include <gtest/gtest.h>

#include <sstream>

#include "support/cluster.h"

namespace swarm::test {
namespace {

TEST(OperatorTest, ADiskThatFailsEndsTheManagerWithACodeOfItsOwn) {
  const TemporaryFolder folder;
  const std::string socket = folder / "swarmd.sock";
  const std::string log = folder / "swarmd.log";
  Process swarmd({BuildDirectory() + "/bin/swarmd", "--state-dir", folder / "state",
                  "--listen-control-api", socket, "--listen-remote-api", "127.0.0.1:0"},
                 log,
                 {{"LD_PRELOAD", BuildDirectory() + "/tests/libfailing_sync.so"},
                  {"SWARM_TEST_FAIL_SYNC", folder / "disk-failed"}});
  ASSERT_TRUE(Eventually([&] { return ReadText(log).find("node is ready") != std::string::npos; }))
      << ReadText(log);
  const auto create = [&](const std::string& name) {
    return Execute({BuildDirectory() + "/bin/swarmctl", "--socket", socket, "service", "create",
                    "--name", name, "--image", "any", "--replicas", "0"});
  };
  ASSERT_EQ(create("before").code, 0);
  WriteText(folder / "disk-failed", "");
  EXPECT_NE(create("after").code, 0);
  EXPECT_EQ(swarmd.Wait(), 3) << ReadText(log);
  const std::string said = ReadText(log);
  EXPECT_NE(said.find("Error: "), std::string::npos) << said;
  EXPECT_NE(said.find(folder / "state/raft"), std::string::npos) << said;
  EXPECT_NE(said.find("check the disk"), std::string::npos) << said;
}

TEST(OperatorTest, KeysThatNothingServesAreNamedAtTheStart) {
  Manager manager;
  ASSERT_TRUE(manager.StartWithConfig("listen: {metrics: \"127.0.0.1:9323\"}\n")) << manager.log();
  EXPECT_NE(manager.log().find("listen.metrics"), std::string::npos) << manager.log();
  EXPECT_EQ(manager.log().find("listen.debug"), std::string::npos) << manager.log();
}

TEST(OperatorTest, ANodeOffersWhatItsDefaultExecutorDescribes) {
  Manager manager;
  ASSERT_TRUE(manager.StartWithConfig(
      "plugins:\n  executor: [{use: process}, {use: sim, default: true, cpus: 77}]\n"))
      << manager.log();
  const Finished nodes = manager.Ctl({"node", "ls", "-q"});
  std::istringstream words(nodes.out);
  std::string id;
  words >> id;
  const Finished node = manager.Ctl({"node", "inspect", id});
  EXPECT_NE(node.out.find(": 77"), std::string::npos) << node.out;
}

}  // namespace
}  // namespace swarm::test
