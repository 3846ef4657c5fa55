// A single manager's consensus is exchanged in the YAML file: the log stays, with its indices.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "support/cluster.h"

namespace swarm::test {
namespace {

std::string With(const std::string& consensus) {
  return "plugins:\n  path: [" + BuildDirectory() + "/plugins]\n  consensus: {use: " + consensus +
         ", snapshot_interval: 40}\n  executor:\n    - {use: sim, default: true}\n";
}

Finished Create(Manager& manager, const std::string& name) {
  return manager.Ctl({"service", "create", "--name", name, "--image", "any", "--replicas", "0"});
}

std::string Inspect(Manager& manager, const std::string& name) {
  return manager.Ctl({"service", "inspect", "--format", "json", name}).out;
}

// The version of an object: the log's commit index before it was written.
std::uint64_t VersionOf(const std::string& json) {
  const auto name = json.find("\"index\":");
  const auto digits = json.find_first_of("0123456789", name);
  return digits == std::string::npos ? 0 : std::stoull(json.substr(digits));
}

void Stop(Manager& manager) {
  manager.process().Signal(SIGTERM);
  EXPECT_EQ(manager.process().Wait(), 0) << manager.log();
}

TEST(ConsensusSwitchTest, StandaloneAndRaftGoOnWithEachOthersLog) {
  Manager manager;
  std::vector<std::string> names;
  std::vector<std::string> inspected;
  std::uint64_t version = 0;
  for (const char* consensus : {"standalone", "raft", "raft", "standalone", "raft"}) {
    ASSERT_TRUE(manager.StartWithConfig(With(consensus))) << consensus << manager.log();
    for (std::size_t i = 0; i < names.size(); ++i) {
      EXPECT_EQ(Inspect(manager, names[i]), inspected[i]) << "under " << consensus;
    }
    // Enough that some of the stops come after a snapshot.
    for (int i = 0; i < 8; ++i) {
      names.push_back(std::string(consensus) + std::to_string(names.size()));
      const Finished created = Create(manager, names.back());
      ASSERT_EQ(created.code, 0) << consensus << created.err << manager.log();
      inspected.push_back(Inspect(manager, names.back()));
      EXPECT_GT(VersionOf(inspected.back()), version) << inspected.back();
      version = VersionOf(inspected.back());
    }
    Stop(manager);
  }
}

TEST(ConsensusSwitchTest, RaftComesBackAfterItWasKilled) {
  Manager manager;
  ASSERT_TRUE(manager.StartWithConfig(With("raft"))) << manager.log();
  for (int round = 0; round < 3; ++round) {
    const std::string name = "web" + std::to_string(round);
    ASSERT_EQ(Create(manager, name).code, 0) << manager.log();
    manager.process().Signal(SIGKILL);
    EXPECT_EQ(manager.process().Wait(), 128 + SIGKILL);
    ASSERT_TRUE(manager.StartWithConfig(With("raft"))) << manager.log();
    EXPECT_EQ(manager.Ctl({"service", "inspect", name}).code, 0) << manager.log();
  }
}

}  // namespace
}  // namespace swarm::test
