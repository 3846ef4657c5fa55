#include "allocator.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "component_testing/world.h"

namespace swarm::allocator {
namespace {

using component::testing::World;

class AllocatorTest : public testing::Test {
 protected:
  void Start() {
    world_.Start({"allocator",
                  {Table::kCluster, Table::kNetwork, Table::kNode, Table::kService, Table::kTask}},
                 [](component::Env& env) { return std::make_unique<Allocator>(env); });
    world_.sim().Settle();
  }
  void AddNetwork(const std::string& id, std::function<void(pb::Network&)> edit = {}) {
    auto network = std::make_shared<pb::Network>();
    network->set_id(id);
    network->mutable_spec()->mutable_annotations()->set_name(id + "-name");
    if (edit) edit(*network);
    world_.Write(
        [network](Transaction& tx) { return tx.Create(std::make_shared<pb::Network>(*network)); });
  }
  void AddIngress() {
    AddNetwork("ingress", [](pb::Network& n) { n.mutable_spec()->set_ingress(true); });
  }
  void RemoveNetwork(const std::string& id) {
    world_.Write([id](Transaction& tx) { return tx.Remove<pb::Network>(id); });
  }
  std::shared_ptr<const pb::Network> Network(const std::string& id) {
    return world_.view()->Get<pb::Network>(id);
  }
  // A service of one network, and how it names its tasks.
  void AddOn(const std::string& id, const std::string& network,
             pb::EndpointSpec::ResolutionMode mode = pb::EndpointSpec::VIP) {
    world_.AddService(id, 1, [&](pb::Service& s) {
      s.mutable_spec()->mutable_task()->add_networks()->set_target(network);
      s.mutable_spec()->mutable_endpoint()->set_mode(mode);
    });
  }
  void AddTaskOn(const std::string& id, const std::string& service, const std::string& network) {
    world_.AddTask(id, service, [&](Task& task) {
      auto spec = std::make_shared<pb::TaskSpec>(*task.spec);
      spec->clear_networks();
      spec->add_networks()->set_target(network);
      task.spec = std::move(spec);
    });
  }
  void AddEngine(const std::string& id) {
    world_.AddNode(id, [](pb::Node& node) {
      auto* plugin = node.mutable_description()->mutable_engine()->add_plugins();
      plugin->set_type("Network");
      plugin->set_name("overlay");
    });
  }
  std::shared_ptr<const pb::Node> Node(const std::string& id) {
    return world_.view()->Get<pb::Node>(id);
  }
  // Addresses by network.
  std::map<std::string, std::string> NodeAddresses(const std::string& id) {
    std::map<std::string, std::string> out;
    const auto node = Node(id);
    for (const auto& attachment : node->attachments()) {
      EXPECT_EQ(attachment.addresses_size(), 1) << "engines crash without";
      out[attachment.network().id()] = attachment.addresses(0);
    }
    return out;
  }
  std::string TaskAddress(const std::string& id) {
    const TaskPtr task = world_.GetTask(id);
    if (!task->extras || task->extras->networks.empty()) return "";
    const auto& attachment = task->extras->networks.back();
    return attachment.addresses().empty() ? "" : attachment.addresses(0);
  }
  std::string Vip(const std::string& service) {
    const pb::Endpoint endpoint = world_.Service(service)->endpoint();
    return endpoint.virtual_ips().empty() ? "" : endpoint.virtual_ips(0).addr();
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

TEST_F(AllocatorTest, IngressPortsNeedTheIngressNetwork) {
  Start();
  world_.AddService(
      "web", 1, [](pb::Service& s) { Publish(*s.mutable_spec(), 8080, pb::PortConfig::INGRESS); });
  world_.AddTask("t1", "web");
  EXPECT_EQ(world_.GetTask("t1")->status.state, pb::NEW);
  EXPECT_TRUE(world_.GetTask("t1")->status.err.starts_with("ingress network is missing"));
  AddIngress();
  const TaskPtr task = world_.GetTask("t1");
  EXPECT_EQ(task->status.state, pb::PENDING);
  EXPECT_EQ(task->status.err, "");
  const pb::Endpoint endpoint = world_.Service("web")->endpoint();
  ASSERT_EQ(endpoint.virtual_ips_size(), 1);
  EXPECT_EQ(endpoint.virtual_ips(0).network_id(), "ingress");
  EXPECT_EQ(endpoint.virtual_ips(0).addr(), "10.0.0.2/24");
  EXPECT_EQ(task->endpoint->SerializeAsString(), endpoint.SerializeAsString());
  ASSERT_EQ(task->extras->networks.size(), 1u);
  EXPECT_EQ(task->extras->networks[0].network().SerializeAsString(),
            Network("ingress")->SerializeAsString());
  EXPECT_EQ(TaskAddress("t1"), "10.0.0.3/24");
  // No ports, no address.
  world_.UpdateService("web", [](pb::ServiceSpec& s) { s.clear_endpoint(); });
  EXPECT_EQ(world_.Service("web")->endpoint().virtual_ips_size(), 0);
}

TEST_F(AllocatorTest, APortIsOneServicesUntilThatIsGone) {
  AddIngress();
  Start();
  for (const char* id : {"a", "b"}) {
    world_.AddService(
        id, 1, [](pb::Service& s) { Publish(*s.mutable_spec(), 8080, pb::PortConfig::INGRESS); });
  }
  world_.AddTask("t", "b");
  EXPECT_EQ(world_.GetTask("t")->status.state, pb::NEW);
  EXPECT_EQ(world_.GetTask("t")->status.err, "port 8080 is in use by another service");
  world_.RemoveService("a");
  EXPECT_EQ(world_.GetTask("t")->status.state, pb::PENDING);
}

// Pinned by SwarmKit: a task waits for a network that comes later.
TEST_F(AllocatorTest, ATaskWaitsForItsNetwork) {
  Start();
  AddOn("web", "backend");
  AddTaskOn("t1", "web", "backend");
  EXPECT_EQ(world_.GetTask("t1")->status.state, pb::NEW);
  EXPECT_EQ(world_.GetTask("t1")->status.err,
            "waiting for network backend: there is no such network");
  AddNetwork("backend");
  EXPECT_EQ(world_.GetTask("t1")->status.state, pb::PENDING);
  EXPECT_EQ(Vip("web"), "10.0.0.2/24");
  EXPECT_EQ(TaskAddress("t1"), "10.0.0.3/24");
  EXPECT_EQ(world_.GetTask("t1")->endpoint->virtual_ips(0).addr(), "10.0.0.2/24");
}

TEST_F(AllocatorTest, DnsRoundRobinHasNoVirtualIp) {
  AddNetwork("backend");
  Start();
  AddOn("web", "backend", pb::EndpointSpec::DNSRR);
  AddTaskOn("t1", "web", "backend");
  EXPECT_EQ(Vip("web"), "");
  EXPECT_EQ(TaskAddress("t1"), "10.0.0.2/24");
  world_.UpdateService(
      "web", [](pb::ServiceSpec& s) { s.mutable_endpoint()->set_mode(pb::EndpointSpec::VIP); });
  EXPECT_EQ(Vip("web"), "10.0.0.3/24");
  world_.UpdateService(
      "web", [](pb::ServiceSpec& s) { s.mutable_endpoint()->set_mode(pb::EndpointSpec::DNSRR); });
  EXPECT_EQ(Vip("web"), "");
}

// Pinned by SwarmKit: of two networks that want one VXLAN id the second waits for the first's end,
// and so do its tasks.
TEST_F(AllocatorTest, ANetworkWaitsForItsVxlanId) {
  const auto wants = [](pb::Network& n) {
    (*n.mutable_spec()
          ->mutable_driver_config()
          ->mutable_options())["com.docker.network.driver.overlay.vxlanid_list"] = "328";
  };
  Start();
  AddNetwork("a", wants);
  AddNetwork("b", wants);
  AddTaskOn("t", "", "b");
  EXPECT_TRUE(Network("a")->has_driver_state());
  EXPECT_FALSE(Network("b")->has_driver_state());
  EXPECT_EQ(world_.GetTask("t")->status.state, pb::NEW);
  RemoveNetwork("a");
  EXPECT_TRUE(Network("b")->has_driver_state());
  EXPECT_EQ(world_.GetTask("t")->status.state, pb::PENDING);
}

// Pinned by SwarmKit: nodes have an address on the ingress network and on those of their tasks.
TEST_F(AllocatorTest, EnginesHaveAnAddressOnTheNetworksOfTheirTasks) {
  using Addresses = std::map<std::string, std::string>;
  AddIngress();
  AddNetwork("backend");
  AddNetwork("unused");
  Start();
  AddEngine("e1");
  world_.AddNode("plain");
  EXPECT_EQ(NodeAddresses("e1"), (Addresses{{"ingress", "10.0.0.2/24"}}));
  EXPECT_EQ(NodeAddresses("plain"), Addresses{}) << "it cannot be on overlay networks";
  AddOn("web", "backend", pb::EndpointSpec::DNSRR);
  AddTaskOn("t1", "web", "backend");
  world_.EditTask("t1", [](Task& task) { task.node_id = "e1"; });
  const Addresses both{{"ingress", "10.0.0.2/24"}, {"backend", "10.0.1.3/24"}};
  EXPECT_EQ(NodeAddresses("e1"), both);
  EXPECT_EQ(Node("e1")->attachments(0).network().SerializeAsString(),
            Network("ingress")->SerializeAsString());
  // Another leader finds the same.
  world_.Stop();
  Start();
  EXPECT_EQ(NodeAddresses("e1"), both);
  world_.SetState("t1", pb::COMPLETE);
  EXPECT_EQ(NodeAddresses("e1"), (Addresses{{"ingress", "10.0.0.2/24"}}));
}

TEST_F(AllocatorTest, ANodeWithoutAFreeAddressHasNoAttachment) {
  AddNetwork("tiny", [](pb::Network& n) {
    n.mutable_spec()->mutable_ipam()->add_configs()->set_subnet("10.5.0.0/30");
  });
  Start();
  AddEngine("e1");
  // The gateway has one of two usable addresses, the task the other.
  AddTaskOn("t1", "", "tiny");
  world_.EditTask("t1", [](Task& task) { task.node_id = "e1"; });
  EXPECT_EQ(TaskAddress("t1"), "10.5.0.2/30");
  EXPECT_EQ(Node("e1")->attachments_size(), 0);
  AddTaskOn("t2", "", "tiny");
  EXPECT_EQ(world_.GetTask("t2")->status.err,
            "waiting for network tiny-name: its subnets have no address left");
  world_.SetState("t1", pb::FAILED);
  EXPECT_EQ(world_.GetTask("t2")->status.state, pb::PENDING);
}

// Pinned by SwarmKit: a published port taken back and published again gets another address.
TEST_F(AllocatorTest, AVirtualIpIsNotGivenAgainAtOnce) {
  AddNetwork("backend");
  Start();
  AddOn("web", "backend");
  const std::string before = Vip("web");
  world_.RemoveService("web");
  AddOn("web", "backend");
  EXPECT_NE(Vip("web"), before);
}

// Pinned by SwarmKit: a hundred leaders in a row give no address twice.
TEST_F(AllocatorTest, ManyLeadersGiveNoAddressTwice) {
  AddIngress();
  AddNetwork("backend");
  std::set<std::string> seen;
  Start();
  AddOn("web", "backend");
  seen.insert(Vip("web"));
  for (int i = 0; i < 100; ++i) {
    world_.Stop();
    Start();
    const std::string id = "t" + std::to_string(i);
    AddTaskOn(id, "web", "backend");
    EXPECT_TRUE(seen.insert(TaskAddress(id)).second) << TaskAddress(id);
    ASSERT_EQ(world_.GetTask(id)->status.state, pb::PENDING);
  }
  EXPECT_TRUE(seen.contains(Vip("web")));
}

TEST_F(AllocatorTest, AClusterChoosesItsPools) {
  world_.AddCluster([](pb::Cluster& cluster) {
    cluster.add_defaultaddresspool("172.20.0.0/16");
    cluster.set_subnetsize(26);
  });
  Start();
  AddNetwork("a");
  EXPECT_EQ(Network("a")->ipam().configs(0).subnet(), "172.20.0.0/26");
}

// Networks that every engine has.
TEST_F(AllocatorTest, PredefinedNetworksAreMadeOnce) {
  world_.AddCluster();
  Start();
  world_.Stop();
  Start();
  std::map<std::string, std::string> drivers;
  const auto networks = world_.view()->Find<pb::Network>(By::All());
  for (const auto& network : *networks) {
    EXPECT_EQ(network->spec().annotations().labels().at("com.docker.swarm.predefined"), "true");
    EXPECT_TRUE(network->ipam().has_driver());
    EXPECT_TRUE(
        drivers.emplace(network->spec().annotations().name(), network->driver_state().name())
            .second);
  }
  EXPECT_EQ(drivers, (std::map<std::string, std::string>{{"bridge", "bridge"}, {"host", "host"}}));
  // A task on one of them needs no address there.
  const auto found = world_.view()->Find<pb::Network>(By::Name("host"));
  const std::string host = found->front()->id();
  AddTaskOn("t", "", host);
  EXPECT_EQ(world_.GetTask("t")->status.state, pb::PENDING);
  EXPECT_EQ(TaskAddress("t"), "");
}

TEST_F(AllocatorTest, TasksNobodyWantsStayNew) {
  Start();
  world_.AddService("web", 1);
  world_.AddTask("t1", "web", [](Task& task) { task.desired_state = pb::REMOVE; });
  EXPECT_EQ(world_.GetTask("t1")->status.state, pb::NEW);
}

}  // namespace
}  // namespace swarm::allocator
