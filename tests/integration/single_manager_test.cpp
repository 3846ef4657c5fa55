// One manager, real processes as tasks, driven by the real swarmctl.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <sstream>

#include "support/cluster.h"

namespace swarm::test {
namespace {

std::string FirstWord(const std::string& text) {
  std::istringstream in(text);
  std::string word;
  in >> word;
  return word;
}

std::vector<std::string> CreateWeb(int replicas) {
  return {"service", "create",    "--name",     "web",
          "--image", "any",       "--replicas", std::to_string(replicas),
          "--args",  "sleep,3600"};
}

// Process ids of the tasks that run, as the cluster reports them.
std::vector<int> Pids(Manager& manager) {
  std::vector<int> pids;
  std::istringstream ids(manager.Ctl({"task", "ls", "-q"}).out);
  for (std::string id; ids >> id;) {
    std::istringstream lines(manager.Ctl({"task", "inspect", id}).out);
    for (std::string line; std::getline(lines, line);) {
      if (FirstWord(line) == "Pid") pids.push_back(std::stoi(line.substr(line.find(':') + 1)));
    }
  }
  return pids;
}

bool AllAlive(const std::vector<int>& pids) {
  for (const int pid : pids) {
    if (kill(pid, 0) != 0) return false;
  }
  return true;
}

TEST(SingleManagerTest, RunsScalesUpdatesAndRemovesAService) {
  Manager manager;
  ASSERT_TRUE(manager.Start()) << manager.log();

  const Finished created = manager.Ctl(CreateWeb(3));
  ASSERT_EQ(created.code, 0) << created.err;
  EXPECT_EQ(FirstWord(created.out).size(), 25u);
  EXPECT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 3; })) << manager.log();
  EXPECT_EQ(Pids(manager).size(), 3u);

  ASSERT_EQ(manager.Ctl({"service", "update", "web", "--replicas", "5"}).code, 0);
  EXPECT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 5; })) << manager.log();

  ASSERT_EQ(manager.Ctl({"service", "update", "web", "--replicas", "1"}).code, 0);
  EXPECT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 1; })) << manager.log();

  const auto before = Pids(manager);
  ASSERT_EQ(manager.Ctl({"service", "update", "web", "--args", "sleep,3601"}).code, 0);
  EXPECT_TRUE(Eventually([&] {
    const auto now = Pids(manager);
    return manager.TasksIn("RUNNING") == 1 && now.size() == 1 && now != before;
  })) << manager.log();

  const auto last = Pids(manager);
  ASSERT_EQ(manager.Ctl({"service", "remove", "web"}).code, 0);
  EXPECT_TRUE(Eventually([&] { return !last.empty() && kill(last[0], 0) != 0; })) << manager.log();
  EXPECT_TRUE(Eventually([&] { return manager.Ctl({"task", "ls", "-q"}).out.empty(); }));
}

TEST(SingleManagerTest, AFailingTaskIsReplaced) {
  Manager manager;
  ASSERT_TRUE(manager.Start()) << manager.log();
  ASSERT_EQ(manager
                .Ctl({"service", "create", "--name", "flaky", "--image", "any", "--restart-delay",
                      "100ms", "--args", "sleep,3600"})
                .code,
            0);
  ASSERT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 1; })) << manager.log();
  const auto pids = Pids(manager);
  ASSERT_EQ(pids.size(), 1u);
  kill(pids[0], SIGKILL);
  EXPECT_TRUE(Eventually([&] {
    const auto now = Pids(manager);
    return manager.TasksIn("RUNNING") == 1 && !now.empty() && now[0] != pids[0];
  })) << manager.log();
}

TEST(SingleManagerTest, AcknowledgedServicesAndRunningTasksSurviveAKilledManager) {
  Manager manager;
  ASSERT_TRUE(manager.Start()) << manager.log();
  ASSERT_EQ(manager.Ctl(CreateWeb(3)).code, 0);
  ASSERT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 3; })) << manager.log();
  auto before = Pids(manager);

  manager.process().Signal(SIGKILL);
  ASSERT_EQ(manager.process().Wait(), 128 + SIGKILL);
  EXPECT_TRUE(AllAlive(before));
  ASSERT_TRUE(manager.Start()) << manager.log();

  EXPECT_NE(manager.Ctl({"service", "ls"}).out.find("web"), std::string::npos);
  EXPECT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 3; })) << manager.log();
  auto after = Pids(manager);
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  EXPECT_EQ(after, before) << "tasks were restarted needlessly";
}

TEST(SingleManagerTest, SigtermDetachesAndLeavesTasksRunning) {
  Manager manager;
  ASSERT_TRUE(manager.Start()) << manager.log();
  ASSERT_EQ(manager.Ctl(CreateWeb(2)).code, 0);
  ASSERT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 2; })) << manager.log();
  const auto pids = Pids(manager);
  manager.process().Signal(SIGTERM);
  EXPECT_EQ(manager.process().Wait(), 0) << manager.log();
  EXPECT_TRUE(AllAlive(pids));
  ASSERT_TRUE(manager.Start()) << manager.log();
  EXPECT_TRUE(Eventually([&] { return manager.TasksIn("RUNNING") == 2; })) << manager.log();
}

TEST(SingleManagerTest, SaysWhatIsWrongWithArgumentsAndExitsWithOne) {
  const std::string swarmd = BuildDirectory() + "/bin/swarmd";
  const TemporaryFolder folder;
  const auto fails = [&](std::vector<std::string> arguments, const std::string& text) {
    arguments.insert(arguments.begin(),
                     {swarmd, "--state-dir", folder / "state", "--listen-control-api", folder / "s",
                      "--listen-remote-api", "127.0.0.1:0"});
    const Finished run = Execute(arguments);
    EXPECT_EQ(run.code, 1) << text << "\n" << run.err;
    EXPECT_NE(run.err.find(text), std::string::npos) << run.err;
  };
  fails({"--join-addr", "127.0.0.1:1", "--join-token", "nonsense"}, "invalid join token");
  fails({"--log-level", "bogus"}, "\"bogus\"");
  fails({"--executor", "nothing"}, "nothing");
  fails({"--unlock-key", "wrong"}, "invalid key string");
  fails({"--generic-node-resources", "foo"},
        "could not parse GenericResource: incorrect term foo, missing '=' or malformed expression");
  fails({"--config", "/nowhere/swarmd.yaml"}, "/nowhere/swarmd.yaml");
}

TEST(SingleManagerTest, ListsItsPluginsAndItsDefaults) {
  const std::string swarmd = BuildDirectory() + "/bin/swarmd";
  const Finished plugins = Execute({swarmd, "plugins"});
  EXPECT_EQ(plugins.code, 0) << plugins.err;
  for (const char* name :
       {"store", "standalone", "proxy-direct", "dispatcher", "controlapi", "executor-process",
        "executor-docker", "executor-sim", "orchestrator", "scheduler"}) {
    EXPECT_NE(plugins.out.find(name), std::string::npos) << name;
  }
  const Finished defaults = Execute({swarmd, "config", "default"});
  ASSERT_EQ(defaults.code, 0) << defaults.err;
  const TemporaryFolder folder;
  WriteText(folder / "default.yaml", defaults.out);
  const Finished check = Execute({swarmd, "config", "check", folder / "default.yaml"});
  EXPECT_EQ(check.code, 0) << check.err;
}

TEST(SingleManagerTest, TheCompleteSampleIsWhatTheProgramPrints) {
  const Finished defaults = Execute({BuildDirectory() + "/bin/swarmd", "config", "default"});
  EXPECT_EQ(ReadText(SourceDirectory() + "/config/single.yaml"), defaults.out)
      << "renew it: swarmd config default > config/single.yaml";
}

TEST(SingleManagerTest, EverySampleConfigurationChecks) {
  const std::string swarmd = BuildDirectory() + "/bin/swarmd";
  const Finished list = Execute({"ls", SourceDirectory() + "/config"});
  std::istringstream names(list.out);
  int checked = 0;
  for (std::string name; names >> name;) {
    if (name.size() < 5 || name.substr(name.size() - 5) != ".yaml") continue;
    const Finished check =
        Execute({swarmd, "config", "check", SourceDirectory() + "/config/" + name});
    EXPECT_EQ(check.code, 0) << name << "\n" << check.err;
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

}  // namespace
}  // namespace swarm::test
