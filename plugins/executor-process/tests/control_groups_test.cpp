// Control groups of each make, as folders that look like them.
#include "control_groups.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "groups.h"

namespace swarm::executor_process {
namespace {

namespace fs = std::filesystem;

class ControlGroupsTest : public testing::Test {
 protected:
  ControlGroupsTest() {
    char name[] = "/tmp/swarm-groups-XXXXXX";
    root_ = mkdtemp(name);
  }
  ~ControlGroupsTest() override { fs::remove_all(root_); }
  std::string Mount(const std::string& name, const std::string& type, const std::string& options) {
    fs::create_directories(root_ + "/" + name);
    mountinfo_ += "31 23 0:28 / " + root_ + "/" + name + " rw,relatime shared:1 - " + type + " " +
                  type + " " + options + "\n";
    return root_ + "/" + name;
  }
  static void Put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
  }
  static std::string Get(const std::string& path) {
    std::ifstream in(path);
    std::string out;
    std::getline(in, out);
    return out;
  }
  static std::string Value(const Plan& plan, const std::string& name) {
    for (const PlanGroup& group : plan.control_groups) {
      for (const PlanGroup::File& file : group.files) {
        if (file.name == name) return group.folder + "=" + file.value;
      }
    }
    return "";
  }
  std::string root_;
  std::string mountinfo_ = "22 27 0:21 / /proc rw - proc proc rw\n";
};

TEST_F(ControlGroupsTest, VersionOne) {
  Mount("memory", "cgroup", "rw,memory");
  Mount("cpu,cpuacct", "cgroup", "rw,cpu,cpuacct");
  Mount("pids", "cgroup", "rw,pids");
  Mount("systemd", "cgroup", "rw,name=systemd");
  const ControlGroups groups = ControlGroups::Detect(mountinfo_, "swarmd");
  EXPECT_EQ(groups.Describe(), "cpu (v1), memory (v1), pids (v1)");
  Plan plan;
  ResourceLimits limits;
  limits.memory = 1000;
  limits.nano_cpus = 1'500'000'000;
  limits.pids = 7;
  EXPECT_TRUE(groups.Apply("t", limits, &plan).empty());
  EXPECT_EQ(Value(plan, "memory.limit_in_bytes"), root_ + "/memory/swarmd/t=1000");
  EXPECT_EQ(Value(plan, "memory.memsw.limit_in_bytes"), root_ + "/memory/swarmd/t=2000");
  EXPECT_EQ(Value(plan, "cpu.cfs_quota_us"), root_ + "/cpu,cpuacct/swarmd/t=150000");
  EXPECT_EQ(Value(plan, "pids.max"), root_ + "/pids/swarmd/t=7");
  EXPECT_EQ(plan.oom_events, root_ + "/memory/swarmd/t/memory.oom_control");
  limits.swap = -1;
  limits.swappiness = 10;
  EXPECT_TRUE(groups.Apply("t", limits, &plan).empty());
  EXPECT_EQ(Value(plan, "memory.memsw.limit_in_bytes"), root_ + "/memory/swarmd/t=-1");
  EXPECT_EQ(Value(plan, "memory.swappiness"), root_ + "/memory/swarmd/t=10");
}

TEST_F(ControlGroupsTest, VersionTwo) {
  const std::string mount = Mount("unified", "cgroup2", "rw");
  Put(mount + "/cgroup.controllers", "cpuset cpu io memory pids\n");
  Put(mount + "/cgroup.subtree_control", "");
  Put(mount + "/swarmd/cgroup.subtree_control", "");
  const ControlGroups groups = ControlGroups::Detect(mountinfo_, "swarmd");
  EXPECT_EQ(groups.Describe(), "cpu (v2), memory (v2), pids (v2)");
  Plan plan;
  ResourceLimits limits;
  limits.memory = 1000;
  limits.nano_cpus = 1'000'000;
  limits.pids = 7;
  limits.swap = 500;
  EXPECT_TRUE(groups.Apply("t", limits, &plan).empty());
  ASSERT_EQ(plan.control_groups.size(), 1u) << "one group for all";
  EXPECT_EQ(Value(plan, "memory.max"), mount + "/swarmd/t=1000");
  EXPECT_EQ(Value(plan, "memory.swap.max"), mount + "/swarmd/t=500");
  EXPECT_EQ(Value(plan, "cpu.max"), mount + "/swarmd/t=1000 100000");
  EXPECT_EQ(plan.oom_events, mount + "/swarmd/t/memory.events");
  limits.swappiness = 10;
  EXPECT_EQ(groups.Apply("t", limits, &plan).size(), 1u) << "there is none in version 2";
}

TEST_F(ControlGroupsTest, BothAtOnce) {
  Mount("memory", "cgroup", "rw,memory");
  const std::string mount = Mount("unified", "cgroup2", "rw");
  Put(mount + "/cgroup.controllers", "pids\n");
  Put(mount + "/cgroup.subtree_control", "");
  Put(mount + "/swarmd/cgroup.subtree_control", "");
  const ControlGroups groups = ControlGroups::Detect(mountinfo_, "swarmd");
  EXPECT_EQ(groups.Describe(), "memory (v1), pids (v2)");
  ResourceLimits limits;
  limits.nano_cpus = 1;
  Plan plan;
  EXPECT_EQ(groups.Apply("t", limits, &plan).size(), 1u);
}

TEST_F(ControlGroupsTest, WhatIsMissingIsNamed) {
  ResourceLimits limits;
  limits.memory = 1;
  Plan plan;
  EXPECT_EQ(ControlGroups::Detect(mountinfo_, "").Apply("t", limits, &plan),
            (std::vector<std::string>{"the memory limit: the setting cgroup_parent is empty"}));
  EXPECT_EQ(
      ControlGroups::Detect(mountinfo_, "swarmd").Apply("t", limits, &plan),
      (std::vector<std::string>{"the memory limit: this machine has no control groups mounted"}));
  EXPECT_TRUE(plan.control_groups.empty());
}

TEST_F(ControlGroupsTest, ATrackingGroupIsUsedWhereNothingCanBeLimited) {
  const std::string mount = Mount("unified", "cgroup2", "rw");
  Put(mount + "/cgroup.controllers", "");
  const ControlGroups groups = ControlGroups::Detect(mountinfo_, "swarmd");
  Plan plan;
  EXPECT_TRUE(groups.Apply("t", {}, &plan).empty());
  ASSERT_EQ(plan.control_groups.size(), 1u);
  EXPECT_EQ(plan.control_groups[0].folder, mount + "/swarmd/t");
  EXPECT_TRUE(plan.oom_events.empty());
}

TEST_F(ControlGroupsTest, GroupsAreMadeAndFilled) {
  PlanGroup group{root_ + "/a/b", {{"memory.max", "12"}, {"memory.swap.max", "1", false}}};
  Put(group.folder + "/memory.max", "");
  std::vector<std::string> notes;
  EXPECT_EQ(MakeGroups({group}, &notes), "");
  EXPECT_EQ(Get(group.folder + "/memory.max"), "12");
  EXPECT_EQ(notes.size(), 1u) << "what is not there and not required is told";
  group.files[1].required = true;
  EXPECT_NE(MakeGroups({group}, &notes).find("cannot set memory.swap.max"), std::string::npos);
}

TEST_F(ControlGroupsTest, KillsForWantOfMemoryAreCounted) {
  Put(root_ + "/events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n");
  EXPECT_EQ(CountOomKills(root_ + "/events"), 2);
  Put(root_ + "/control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  EXPECT_EQ(CountOomKills(root_ + "/control"), 1);
  EXPECT_EQ(CountOomKills(root_ + "/absent"), 0);
  EXPECT_EQ(CountOomKills(""), 0);
}

TEST_F(ControlGroupsTest, NamesOfOneExecutorAreFound) {
  const std::string mount = Mount("pids", "cgroup", "rw,pids");
  fs::create_directories(mount + "/swarmd/a.1");
  fs::create_directories(mount + "/swarmd/b.2");
  EXPECT_EQ(ControlGroups::Detect(mountinfo_, "swarmd").Names(".1"),
            (std::vector<std::string>{"a.1"}));
}

}  // namespace
}  // namespace swarm::executor_process
