#include "filters.h"

#include <gtest/gtest.h>

#include <optional>

namespace swarm::scheduler {
namespace {

class FiltersTest : public testing::Test {
 protected:
  FiltersTest() {
    node_.set_id("n1");
    node_.mutable_status()->set_state(pb::NodeStatus::READY);
  }
  void AddPlugin(const char* type, const char* name) {
    auto& plugin = *node_.mutable_description()->mutable_engine()->add_plugins();
    plugin.set_type(type);
    plugin.set_name(name);
  }
  pb::Placement& placement() { return *spec_.mutable_placement(); }
  Filter Judge() {
    auto task = std::make_shared<Task>();
    task->spec = std::make_shared<const pb::TaskSpec>(spec_);
    task->desired_state = pb::RUNNING;
    task->endpoint = std::make_shared<const pb::Endpoint>(endpoint_);
    if (log_driver_ || network_driver_) {
      auto extras = std::make_shared<TaskExtras>();
      if (log_driver_) {
        pb::Driver driver;
        driver.set_name(*log_driver_);
        extras->log_driver = std::make_shared<const pb::Driver>(driver);
      }
      if (network_driver_) {
        extras->networks.emplace_back().mutable_network()->mutable_driver_state()->set_name(
            *network_driver_);
      }
      task->extras = extras;
    }
    NodeState state(0, std::make_shared<const pb::Node>(node_));
    if (counted_) state.Count(*counted_, 3, 1);
    return Pipeline(task, 3).FirstFailure(state);
  }

  pb::Node node_;
  pb::TaskSpec spec_;
  pb::Endpoint endpoint_;
  std::optional<std::string> log_driver_;
  std::optional<std::string> network_driver_;
  std::shared_ptr<const Task> counted_;
};

// Pinned by SwarmKit: only volumes with a driver of their own need one.
TEST_F(FiltersTest, VolumesNeedTheirDriver) {
  AddPlugin("Volume", "fast");
  auto& container = *spec_.mutable_container();
  auto& bind = *container.add_mounts();
  bind.set_type(pb::Mount::BIND);
  bind.mutable_volume_options()->mutable_driver_config()->set_name("elsewhere");
  EXPECT_EQ(Judge(), Filter::kNone);
  auto& mount = *container.add_mounts();
  mount.set_type(pb::Mount::VOLUME);
  EXPECT_EQ(Judge(), Filter::kNone);
  for (const auto& [driver, verdict] :
       {std::pair{"local", Filter::kNone}, std::pair{"fast", Filter::kNone},
        std::pair{"slow", Filter::kPlugins}, std::pair{"fas", Filter::kPlugins}}) {
    mount.mutable_volume_options()->mutable_driver_config()->set_name(driver);
    EXPECT_EQ(Judge(), verdict) << driver;
  }
}

TEST_F(FiltersTest, APluginsLatestTagNeedNotBeNamed) {
  AddPlugin("Volume", "vendor/fast:latest");
  auto& mount = *spec_.mutable_container()->add_mounts();
  mount.set_type(pb::Mount::VOLUME);
  auto& driver = *mount.mutable_volume_options()->mutable_driver_config();
  driver.set_name("vendor/fast");
  EXPECT_EQ(Judge(), Filter::kNone);
  driver.set_name("vendor/fast:latest");
  EXPECT_EQ(Judge(), Filter::kNone);
  driver.set_name("vendor/fast:v2");
  EXPECT_EQ(Judge(), Filter::kPlugins);
}

// Pinned by SwarmKit.
TEST_F(FiltersTest, NetworksNeedTheirDriver) {
  AddPlugin("Network", "overlay");
  network_driver_ = "overlay";
  EXPECT_EQ(Judge(), Filter::kNone);
  network_driver_ = "weave";
  EXPECT_EQ(Judge(), Filter::kPlugins);
  network_driver_ = "";
  EXPECT_EQ(Judge(), Filter::kNone) << "one whose driver is not known yet";
}

// Pinned by SwarmKit: "none" and no name need nothing, and old engines list no log drivers at all.
TEST_F(FiltersTest, LogDriversAreNeededWhereTheyAreListed) {
  log_driver_ = "journald";
  AddPlugin("Volume", "fast");
  EXPECT_EQ(Judge(), Filter::kNone);
  AddPlugin("Log", "json-file");
  EXPECT_EQ(Judge(), Filter::kPlugins);
  AddPlugin("Log", "journald");
  EXPECT_EQ(Judge(), Filter::kNone);
  log_driver_ = "splunk";
  EXPECT_EQ(Judge(), Filter::kPlugins);
  for (const char* name : {"none", ""}) {
    log_driver_ = name;
    EXPECT_EQ(Judge(), Filter::kNone) << name;
  }
}

// An engine that has not described itself is not known to lack anything.
TEST_F(FiltersTest, ANodeWithoutADescriptionHasEveryPlugin) {
  log_driver_ = "journald";
  network_driver_ = "weave";
  EXPECT_EQ(Judge(), Filter::kNone);
}

// Pinned by SwarmKit: what a platform leaves empty matches anything, but not a node without one.
TEST_F(FiltersTest, PlatformsMatch) {
  struct Case {
    const char* os;
    const char* architecture;
    bool matches;
  };
  auto& platform = *placement().add_platforms();
  EXPECT_EQ(Judge(), Filter::kPlatform) << "the node has none";
  node_.mutable_description()->mutable_platform()->set_os("linux");
  node_.mutable_description()->mutable_platform()->set_architecture("x86_64");
  for (const Case& c :
       {Case{"linux", "amd64", true}, Case{"linux", "x86_64", true}, Case{"linux", "", true},
        Case{"", "amd64", true}, Case{"", "", true}, Case{"windows", "amd64", false},
        Case{"linux", "arm64", false}, Case{"Linux", "amd64", false}, Case{"windows", "", false}}) {
    platform.set_os(c.os);
    platform.set_architecture(c.architecture);
    EXPECT_EQ(Judge() == Filter::kNone, c.matches) << c.os << "/" << c.architecture;
  }
  placement().add_platforms()->set_os("linux");
  EXPECT_EQ(Judge(), Filter::kNone) << "any of the listed ones is enough";
}

TEST_F(FiltersTest, HostPortsClashOnlyWithinTheirProtocol) {
  auto taken = std::make_shared<Task>();
  taken->spec = std::make_shared<const pb::TaskSpec>();
  pb::Endpoint endpoint;
  auto& other = *endpoint.add_ports();
  other.set_publish_mode(pb::PortConfig::HOST);
  other.set_protocol(pb::PortConfig::TCP);
  other.set_published_port(53);
  taken->endpoint = std::make_shared<const pb::Endpoint>(endpoint);
  counted_ = taken;

  auto& port = *endpoint_.add_ports();
  port.set_publish_mode(pb::PortConfig::HOST);
  port.set_protocol(pb::PortConfig::TCP);
  port.set_published_port(53);
  EXPECT_EQ(Judge(), Filter::kHostPort);
  port.set_protocol(pb::PortConfig::UDP);
  EXPECT_EQ(Judge(), Filter::kNone);
  port.set_protocol(pb::PortConfig::TCP);
  port.set_publish_mode(pb::PortConfig::INGRESS);
  EXPECT_EQ(Judge(), Filter::kNone) << "the mesh is not the node's port";
  port.set_publish_mode(pb::PortConfig::HOST);
  port.set_published_port(0);
  EXPECT_EQ(Judge(), Filter::kNone) << "the node chooses one";
}

TEST_F(FiltersTest, ConstraintsThatCannotBeReadConstrainNothing) {
  placement().add_constraints("node.id == elsewhere");
  EXPECT_EQ(Judge(), Filter::kConstraints);
  placement().add_constraints("nonsense");
  EXPECT_EQ(Judge(), Filter::kNone);
}

TEST_F(FiltersTest, ClusterVolumesFindNoNode) {
  spec_.mutable_container()->add_mounts()->set_type(pb::Mount::CLUSTER);
  EXPECT_EQ(Judge(), Filter::kVolumes);
}

TEST(VerdictsTest, TheMostFrequentReasonComesFirst) {
  Verdicts verdicts;
  EXPECT_EQ(verdicts.Explain(), "");
  verdicts.Set(0, Filter::kResources);
  verdicts.Set(5, Filter::kReady);
  EXPECT_EQ(verdicts.Explain(),
            "1 node not available for new tasks; insufficient resources on 1 node");
  verdicts.Set(2, Filter::kPlatform);
  verdicts.Set(3, Filter::kPlatform);
  EXPECT_EQ(verdicts.Explain(),
            "unsupported platform on 2 nodes; 1 node not available for new tasks; insufficient "
            "resources on 1 node");
  verdicts.Set(5, Filter::kNone);
  verdicts.Set(0, Filter::kPlatform);
  EXPECT_EQ(verdicts.Explain(), "unsupported platform on 3 nodes");
}

}  // namespace
}  // namespace swarm::scheduler
