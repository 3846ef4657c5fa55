// Locked managers: their keys lie encrypted on disk, and nobody starts them without the cluster's
// unlock key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>

#include "role_group.h"

namespace swarm::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kLocked = "node is locked, and needs a valid unlock key";

std::string KeyFile(Manager& manager) {
  return ReadText(manager.state() + "/certificates/swarm-node.key");
}
std::string Certificate(Manager& manager) {
  return ReadText(manager.state() + "/certificates/swarm-node.crt");
}
bool Encrypted(Manager& manager) {
  return KeyFile(manager).find("BEGIN ENCRYPTED PRIVATE KEY") != std::string::npos;
}
// The value of a header of the key file; empty: it has none.
std::string Header(Manager& manager, const std::string& name) {
  std::istringstream lines(KeyFile(manager));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ": ")) return line.substr(name.size() + 2);
  }
  return "";
}
// The key as swarmctl shows it; empty: there is none.
std::string KeyIn(const std::string& text) {
  const auto at = text.find("SWMKEY-1-");
  return at == std::string::npos ? "" : text.substr(at, std::string("SWMKEY-1-").size() + 43);
}
std::string UnlockKey(Manager& manager) {
  return KeyIn(manager.Ctl({"cluster", "unlock-key", "default"}).out);
}
Finished Update(Manager& manager, const std::string& flag) {
  return manager.Ctl({"cluster", "update", "default", flag});
}
bool Stopped(Manager& manager) {
  manager.process().Signal(SIGTERM);
  return manager.process().Wait(60s) == 0;
}
// Why a start did not succeed.
std::string Refusal(Manager& manager, const std::vector<std::string>& arguments) {
  const std::size_t from = manager.log().size();
  if (manager.Start(arguments)) return "it started";
  manager.process().Wait();
  return manager.log().substr(from);
}

class AutolockTest : public testing::TestWithParam<const char*> {
 protected:
  std::vector<std::string> With(const std::vector<std::string>& more = {}) {
    const std::string config = manager_.folder() / "locked.yaml";
    WriteText(config, "plugins:\n  path: [" + BuildDirectory() + "/plugins]\n  consensus: {use: " +
                          GetParam() + "}\n  executor: [{use: sim, default: true}]\n");
    std::vector<std::string> all = {"--config", config};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  bool Start(const std::string& key = "") {
    return manager_.Start(key.empty() ? With() : With({"--unlock-key", key}));
  }
  bool HasService() { return manager_.Ctl({"service", "ls"}).out.find("web") != std::string::npos; }

  Manager manager_;
};
INSTANTIATE_TEST_SUITE_P(, AutolockTest, testing::Values("standalone", "raft"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(AutolockTest, LocksChangesTheKeyAndUnlocks) {
  ASSERT_TRUE(Start()) << manager_.log();
  ASSERT_EQ(manager_.Ctl({"service", "create", "--name", "web", "--image", "i"}).code, 0);
  EXPECT_EQ(UnlockKey(manager_), "");
  EXPECT_FALSE(Encrypted(manager_));
  const std::string plain_dek = Header(manager_, "raft-dek");
  const std::string certificate = Certificate(manager_);
  ASSERT_NE(plain_dek, "");

  // Whatever lay open until now is replaced: the private key, and the key of the log.
  ASSERT_EQ(Update(manager_, "--autolock").code, 0);
  const std::string first = UnlockKey(manager_);
  ASSERT_NE(first, "");
  EXPECT_TRUE(Eventually([&] { return Encrypted(manager_); })) << manager_.log();
  EXPECT_TRUE(Eventually([&] { return Certificate(manager_) != certificate; }, 60s))
      << manager_.log();
  EXPECT_TRUE(Eventually([&] {
    return manager_.log().find("The log is encrypted with the new key alone") != std::string::npos;
  })) << manager_.log();
  EXPECT_TRUE(Eventually([&] { return Header(manager_, "raft-dek-pending").empty(); }));
  EXPECT_EQ(Header(manager_, "raft-dek-needs-rotation"), "");

  ASSERT_TRUE(Stopped(manager_));
  EXPECT_THAT(Refusal(manager_, With()), AllOf(HasSubstr(kLocked), HasSubstr("--unlock-key")));
  EXPECT_THAT(Refusal(manager_, With({"--unlock-key", "SWMKEY-1-" + std::string(43, 'A')})),
              HasSubstr(kLocked));
  EXPECT_THAT(Refusal(manager_, With({"--unlock-key", "sesame"})), HasSubstr("invalid key string"));
  ASSERT_TRUE(Start(first)) << manager_.log();
  EXPECT_TRUE(HasService());
  EXPECT_EQ(UnlockKey(manager_), first);

  const std::string version = Header(manager_, "kek-version");
  const Finished rotated = Update(manager_, "--rotate-unlock-key");
  ASSERT_EQ(rotated.code, 0) << rotated.err;
  const std::string second = KeyIn(rotated.out);
  EXPECT_EQ(UnlockKey(manager_), second);
  EXPECT_NE(second, first);
  EXPECT_TRUE(Eventually([&] { return Header(manager_, "kek-version") != version; }));
  ASSERT_TRUE(Stopped(manager_));
  EXPECT_THAT(Refusal(manager_, With({"--unlock-key", first})), HasSubstr(kLocked));
  ASSERT_TRUE(Start(second)) << manager_.log();
  EXPECT_TRUE(HasService());

  ASSERT_EQ(Update(manager_, "--autolock=false").code, 0);
  EXPECT_TRUE(Eventually([&] { return !Encrypted(manager_); }));
  EXPECT_EQ(manager_.Ctl({"cluster", "unlock-key", "default"}).out, "Managers not auto-locked\n");
  ASSERT_TRUE(Stopped(manager_));
  ASSERT_TRUE(Start()) << manager_.log();
  EXPECT_TRUE(HasService());
}

TEST_P(AutolockTest, ANewClusterCanBeginLocked) {
  ASSERT_TRUE(manager_.Start(With({"--autolock"}))) << manager_.log();
  const std::string key = UnlockKey(manager_);
  ASSERT_NE(key, "");
  EXPECT_TRUE(Eventually([&] { return Encrypted(manager_); })) << manager_.log();
  ASSERT_TRUE(Stopped(manager_));
  EXPECT_THAT(Refusal(manager_, With()), HasSubstr(kLocked));
  EXPECT_TRUE(Start(key)) << manager_.log();
}

TEST(AutolockGroupTest, EveryManagerFollowsTheKeyAlsoOneThatWasDown) {
  RoleGroup group("{use: sim, default: true}");
  ASSERT_TRUE(group.Add("m1", "manager", {"--autolock"})) << group.logs();
  const std::string first = UnlockKey(group["m1"]);
  ASSERT_NE(first, "");
  for (const char* name : {"m2", "m3"}) {
    ASSERT_TRUE(group.Add(name)) << group.logs();
    EXPECT_TRUE(Encrypted(group[name])) << "from its first day";
    ASSERT_TRUE(group.Shows("m1", name, "REACHABLE")) << group.logs();
  }
  ASSERT_TRUE(group.Stop("m3"));
  const std::string second = KeyIn(Update(group["m1"], "--rotate-unlock-key").out);
  ASSERT_NE(second, "");
  ASSERT_NE(second, first);

  // What is on its disk has the old key; the new one comes with the log.
  EXPECT_THAT(Refusal(group["m3"], {"--config", group["m3"].folder() / "group.yaml"}),
              HasSubstr(kLocked));
  const std::string before = Header(group["m3"], "kek-version");
  ASSERT_TRUE(group.Start("m3", {"--unlock-key", first})) << group["m3"].log();
  EXPECT_TRUE(Eventually([&] { return Header(group["m3"], "kek-version") != before; }, 60s))
      << group["m3"].log();
  for (const char* name : {"m2", "m3"}) {
    ASSERT_TRUE(Eventually(
        [&] { return Header(group[name], "kek-version") == Header(group["m1"], "kek-version"); },
        60s));
    ASSERT_TRUE(group.Stop(name)) << group[name].log();
    EXPECT_FALSE(group.Start(name, {"--unlock-key", first}));
    group[name].process().Wait();
    EXPECT_THAT(group[name].log(), HasSubstr(kLocked));
    ASSERT_TRUE(group.Start(name, {"--unlock-key", second})) << group[name].log();
    ASSERT_TRUE(group.Shows("m1", name, "REACHABLE")) << group.logs();
  }

  // A worker keeps nothing that is worth locking.
  ASSERT_EQ(group.Ctl("m1", {"node", "demote", "m2"}).code, 0);
  EXPECT_TRUE(Eventually([&] { return !Encrypted(group["m2"]); }, 120s)) << group["m2"].log();
  ASSERT_TRUE(group.Stop("m2"));
  EXPECT_TRUE(group.Start("m2")) << group["m2"].log();
}

}  // namespace
}  // namespace swarm::test
