// The disk under the state folder is full: changes are refused with the reason, nothing that was
// acknowledged is lost, and work goes on when there is space again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "small_disk.h"
#include "support/cluster.h"

namespace swarm::test {
namespace {

using testing::HasSubstr;

TEST(DiskFullTest, RefusesWithTheReasonAndGoesOnWhenThereIsSpace) {
  if (geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const TemporaryFolder folder;
  SmallDisk disk(folder / "disk", "24m");
  ASSERT_TRUE(disk.mounted());
  // The log in files of one size that is allocated whole: the disk holds a few of them.
  const std::string yaml =
      "plugins:\n  path: [" + BuildDirectory() +
      "/plugins]\n  consensus: {use: standalone, segment_bytes: 2000000, zero_ahead_bytes: 0,"
      " snapshot_interval: 200}\n  store: {use: store}\n  proxy: {use: proxy-direct}\n"
      "  executor:\n    - {use: sim, default: true}\n";
  Manager manager(folder / "disk/state");
  ASSERT_TRUE(manager.StartWithConfig(yaml)) << manager.log();

  // Large services, so that the log soon needs another file.
  std::vector<std::string> acknowledged;
  Finished refused;
  const auto create = [&](const std::string& name) {
    return manager.Ctl({"service", "create", "--name", name, "--image", "any", "--replicas", "0",
                        "--env", "FILLER=" + std::string(100'000, 'x')});
  };
  disk.Fill();
  for (int i = 0; i < 200 && refused.code <= 0; ++i) {
    const std::string name = "s" + std::to_string(i);
    const Finished made = create(name);
    if (made.code == 0) {
      acknowledged.push_back(name);
    } else {
      refused = made;
    }
  }
  ASSERT_GT(refused.code, 0) << "the disk never filled";
  EXPECT_THAT(refused.err, HasSubstr("No space left")) << manager.log();
  ASSERT_TRUE(manager.process().running()) << manager.log();
  EXPECT_EQ(manager.Ctl({"service", "ls"}).code, 0) << "what is there can still be read";

  disk.Free();
  const Finished after = create("after");
  EXPECT_EQ(after.code, 0) << after.err << manager.log();
  acknowledged.push_back("after");

  manager.process().Signal(SIGKILL);
  manager.process().Wait();
  ASSERT_TRUE(manager.StartWithConfig(yaml)) << manager.log();
  const std::string listed = manager.Ctl({"service", "ls"}).out;
  for (const std::string& name : acknowledged) EXPECT_THAT(listed, HasSubstr(" " + name + " "));
}

}  // namespace
}  // namespace swarm::test
