#include "allocator.h"

#include <gtest/gtest.h>

#include "component_testing/world.h"

namespace swarm::allocator {
namespace {

using component::testing::World;

class AllocatorTest : public testing::Test {
 protected:
  void Start() {
    world_.Start({"allocator", {Table::kService, Table::kTask}},
                 [](component::Env& env) { return std::make_unique<Allocator>(env); });
  }
  static void Publish(pb::ServiceSpec& spec, std::uint32_t port, pb::PortConfig::PublishMode mode) {
    spec.mutable_endpoint()->clear_ports();
    auto& config = *spec.mutable_endpoint()->add_ports();
    config.set_target_port(port);
    config.set_published_port(port);
    config.set_publish_mode(mode);
  }
  World world_;
};

TEST_F(AllocatorTest, TasksWithoutNetworksGoPendingBeforeAndAfterTheStart) {
  world_.AddService("web", 2);
  world_.AddTask("before", "web");
  Start();
  world_.AddTask("after", "web");
  for (const char* id : {"before", "after"}) {
    const TaskPtr task = world_.GetTask(id);
    EXPECT_EQ(task->status.state, pb::PENDING);
    EXPECT_EQ(task->status.message, "pending task scheduling");
    EXPECT_TRUE(task->status.timestamp.present);
  }
}

TEST_F(AllocatorTest, HostPortsAreCopied) {
  Start();
  world_.AddService("web", 2,
                    [](pb::Service& s) { Publish(*s.mutable_spec(), 8080, pb::PortConfig::HOST); });
  ASSERT_EQ(world_.Service("web")->endpoint().ports_size(), 1);
  world_.AddTask("t1", "web");
  world_.AddTask("t2", "web");
  const TaskPtr task = world_.GetTask("t1");
  ASSERT_EQ(task->status.state, pb::PENDING);
  ASSERT_NE(task->endpoint, nullptr);
  EXPECT_EQ(task->endpoint->ports(0).published_port(), 8080u);
  EXPECT_EQ(task->endpoint->spec().ports_size(), 1);
  world_.UpdateService("web", [](pb::ServiceSpec& s) { Publish(s, 9090, pb::PortConfig::HOST); });
  EXPECT_EQ(world_.Service("web")->endpoint().ports(0).published_port(), 9090u);
}

TEST_F(AllocatorTest, IngressPortsWaitAndSayWhatFor) {
  Start();
  world_.AddService(
      "web", 1, [](pb::Service& s) { Publish(*s.mutable_spec(), 8080, pb::PortConfig::INGRESS); });
  world_.AddTask("t1", "web");
  EXPECT_EQ(world_.GetTask("t1")->status.state, pb::NEW);
  EXPECT_EQ(world_.GetTask("t1")->status.err,
            "waiting for port 8080 in ingress mode, which this allocator does not give: publish it "
            "in host mode");
  world_.UpdateService("web", [](pb::ServiceSpec& s) { Publish(s, 8080, pb::PortConfig::HOST); });
  EXPECT_EQ(world_.GetTask("t1")->status.state, pb::PENDING);
  EXPECT_EQ(world_.GetTask("t1")->status.err, "");
}

TEST_F(AllocatorTest, NetworksWait) {
  Start();
  world_.AddService("web", 1, [](pb::Service& s) {
    s.mutable_spec()->mutable_task()->add_networks()->set_target("backend");
  });
  world_.AddTask("t1", "web");
  EXPECT_EQ(world_.GetTask("t1")->status.state, pb::NEW);
  EXPECT_TRUE(world_.GetTask("t1")->status.err.starts_with("waiting for network backend"));
}

TEST_F(AllocatorTest, TasksNobodyWantsStayNew) {
  Start();
  world_.AddService("web", 1);
  world_.AddTask("t1", "web", [](Task& task) { task.desired_state = pb::REMOVE; });
  EXPECT_EQ(world_.GetTask("t1")->status.state, pb::NEW);
}

}  // namespace
}  // namespace swarm::allocator
