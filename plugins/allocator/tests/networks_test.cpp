// Subnets, addresses, VXLAN ids and ports, without a store.
#include "networks.h"

#include <gtest/gtest.h>

#include "ports.h"

namespace swarm::allocator {
namespace {

constexpr const char* kVxlanIds = "com.docker.network.driver.overlay.vxlanid_list";

pb::Network Overlay(const std::string& id, const std::string& subnet = "",
                    const std::string& gateway = "", const std::string& range = "") {
  pb::Network network;
  network.set_id(id);
  network.mutable_spec()->mutable_annotations()->set_name(id);
  if (subnet.empty()) return network;
  auto* config = network.mutable_spec()->mutable_ipam()->add_configs();
  config->set_subnet(subnet);
  config->set_gateway(gateway);
  config->set_range(range);
  return network;
}

TEST(AddressTest, ReadsAndWrites) {
  EXPECT_EQ(ToText(*ParseAddress("10.0.1.255")), "10.0.1.255");
  EXPECT_EQ(ToText(*ParseSubnet("10.0.1.7/24")), "10.0.1.0/24");
  EXPECT_EQ(ToText(*ParseSubnet("fd00::7/64")), "fd00::/64");
  EXPECT_EQ(ToText(*ParseSubnet("0.0.0.0/0")), "0.0.0.0/0");
  EXPECT_TRUE(ParseSubnet("10.0.0.0/8")->Contains(*ParseAddress("10.255.0.1")));
  EXPECT_FALSE(ParseSubnet("10.0.0.0/8")->Contains(*ParseAddress("11.0.0.0")));
  EXPECT_FALSE(ParseSubnet("::/0")->Contains(*ParseAddress("11.0.0.0")));
  for (const char* bad :
       {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "x/8", "1::/129"}) {
    EXPECT_FALSE(ParseSubnet(bad)) << bad;
  }
}

TEST(NetworksTest, AnOverlayNetworkGetsWhatEnginesExpect) {
  Networks networks;
  const auto first = networks.Allocate(Overlay("a"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->driver_state().name(), "overlay");
  EXPECT_EQ((*first)->driver_state().options().at(kVxlanIds), "4096");
  EXPECT_EQ((*first)->ipam().driver().name(), "default");
  ASSERT_EQ((*first)->ipam().configs_size(), 1);
  EXPECT_EQ((*first)->ipam().configs(0).family(), pb::IPAMConfig::IPV4);
  EXPECT_EQ((*first)->ipam().configs(0).subnet(), "10.0.0.0/24");
  EXPECT_EQ((*first)->ipam().configs(0).gateway(), "10.0.0.1");
  const auto second = networks.Allocate(Overlay("b"));
  EXPECT_EQ((*second)->ipam().configs(0).subnet(), "10.0.1.0/24");
  EXPECT_EQ((*second)->driver_state().options().at(kVxlanIds), "4097");
  EXPECT_EQ(*networks.TakeAddress("b", ""), "10.0.1.2/24");
  EXPECT_EQ(*networks.TakeAddress("b", ""), "10.0.1.3/24");
  EXPECT_FALSE(networks.Allocate(Overlay("a")).ok()) << "it is allocated already";
}

// Pinned by SwarmKit: networks that nodes make themselves have no addresses, but a driver of IPAM.
TEST(NetworksTest, ALocalNetworkHasAnEmptyDriverOfAddresses) {
  Networks networks;
  pb::Network host = Overlay("h");
  host.mutable_spec()->mutable_driver_config()->set_name("host");
  const auto made = networks.Allocate(host);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ((*made)->driver_state().name(), "host");
  EXPECT_TRUE((*made)->ipam().has_driver());
  EXPECT_EQ((*made)->ipam().configs_size(), 0);
  EXPECT_EQ(*networks.TakeAddress("h", ""), "");
}

TEST(NetworksTest, UsersChooseSubnetsGatewaysAndRanges) {
  Networks networks;
  const auto made = networks.Allocate(Overlay("a", "10.77.0.0/16", "10.77.0.9", "10.77.5.0/30"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)->ipam().configs(0).gateway(), "10.77.0.9");
  EXPECT_EQ(*networks.TakeAddress("a", ""), "10.77.5.0/16");
  EXPECT_EQ(*networks.TakeAddress("a", "10.77.1.1"), "10.77.1.1/16");
  EXPECT_FALSE(networks.TakeAddress("a", "10.77.1.1").ok());
  EXPECT_FALSE(networks.TakeAddress("a", "10.78.1.1").ok());
  for (int i = 1; i < 4; ++i) EXPECT_TRUE(networks.TakeAddress("a", "").ok());
  EXPECT_FALSE(networks.TakeAddress("a", "").ok()) << "the range is used up";
  networks.FreeAddress("a", "10.77.5.2/16");
  EXPECT_EQ(*networks.TakeAddress("a", ""), "10.77.5.2/16");
}

// Pinned by SwarmKit: what cannot be allocated.
TEST(NetworksTest, WhatDoesNotFitIsRefused) {
  Networks networks;
  ASSERT_TRUE(networks.Allocate(Overlay("a", "10.1.0.0/16")).ok());
  EXPECT_FALSE(networks.Allocate(Overlay("b", "10.1.2.0/24")).ok()) << "overlaps";
  EXPECT_FALSE(networks.Allocate(Overlay("b", "10.2.0.1/32")).ok()) << "no room";
  EXPECT_FALSE(networks.Allocate(Overlay("b", "10.2.0.0/24", "10.3.0.1")).ok());
  pb::Network plugin = Overlay("b");
  plugin.mutable_spec()->mutable_driver_config()->set_name("weave");
  EXPECT_FALSE(networks.Allocate(plugin).ok());
  plugin = Overlay("b");
  plugin.mutable_spec()->mutable_ipam()->mutable_driver()->set_name("infoblox");
  EXPECT_FALSE(networks.Allocate(plugin).ok());
  // Nothing of it is left behind.
  EXPECT_TRUE(networks.Allocate(Overlay("b", "10.2.0.0/24")).ok());
}

TEST(NetworksTest, VxlanIdsAreTakenOnce) {
  Networks networks;
  pb::Network chosen = Overlay("a");
  (*chosen.mutable_spec()->mutable_driver_config()->mutable_options())[kVxlanIds] = "328";
  (*chosen.mutable_spec()->mutable_driver_config()->mutable_options())["encrypted"] = "";
  const auto first = networks.Allocate(chosen);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ((*first)->driver_state().options().at(kVxlanIds), "328");
  EXPECT_TRUE((*first)->driver_state().options().contains("encrypted"));
  chosen.set_id("b");
  EXPECT_FALSE(networks.Allocate(chosen).ok());
  networks.Free("a");
  EXPECT_TRUE(networks.Allocate(chosen).ok());
  (*chosen.mutable_spec()->mutable_driver_config()->mutable_options())[kVxlanIds] = "1x";
  chosen.set_id("c");
  EXPECT_FALSE(networks.Allocate(chosen).ok());
}

TEST(NetworksTest, SeveralSubnetsHaveAnIdEach) {
  Networks networks;
  pb::Network network = Overlay("a", "10.5.0.0/24");
  network.mutable_spec()->mutable_ipam()->add_configs()->set_subnet("10.6.0.0/24");
  auto* six = network.mutable_spec()->mutable_ipam()->add_configs();
  six->set_subnet("fd00::/64");
  six->set_family(pb::IPAMConfig::IPV6);
  const auto made = networks.Allocate(network);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)->driver_state().options().at(kVxlanIds), "4096,4097");
  EXPECT_EQ((*made)->ipam().configs(2).gateway(), "fd00::1");
}

TEST(NetworksTest, DefaultSubnetsAreCutFromThePools) {
  Networks networks;
  networks.SetDefaultPools({{*ParseSubnet("10.9.0.0/30"), *ParseSubnet("10.10.0.0/23")}, 24});
  EXPECT_EQ((*networks.Allocate(Overlay("a")))->ipam().configs(0).subnet(), "10.10.0.0/24");
  networks.Free("a");
  EXPECT_EQ((*networks.Allocate(Overlay("b")))->ipam().configs(0).subnet(), "10.10.1.0/24")
      << "what was just given back is not given again at once";
  EXPECT_EQ((*networks.Allocate(Overlay("c")))->ipam().configs(0).subnet(), "10.10.0.0/24");
  EXPECT_FALSE(networks.Allocate(Overlay("d")).ok());
}

// Pinned by SwarmKit: two allocators that are given what is stored in different orders agree.
TEST(NetworksTest, TheOrderOfWhatIsStoredDoesNotMatter) {
  Networks maker;
  const auto a = *maker.Allocate(Overlay("a"));
  const auto b = *maker.Allocate(Overlay("b"));
  Networks forward;
  Networks backward;
  ASSERT_TRUE(forward.Allocate(*a).ok() && forward.Allocate(*b).ok());
  ASSERT_TRUE(backward.Allocate(*b).ok() && backward.Allocate(*a).ok());
  for (const char* address : {"10.0.0.2", "10.0.0.7"}) {
    EXPECT_TRUE(forward.TakeAddress("a", address).ok());
  }
  for (const char* address : {"10.0.0.7", "10.0.0.2"}) {
    EXPECT_TRUE(backward.TakeAddress("a", address).ok());
  }
  forward.Resume();
  backward.Resume();
  EXPECT_EQ(*forward.TakeAddress("a", ""), "10.0.0.8/24");
  EXPECT_EQ(*backward.TakeAddress("a", ""), "10.0.0.8/24");
  EXPECT_EQ((*forward.Allocate(Overlay("c")))->SerializeAsString(),
            (*backward.Allocate(Overlay("c")))->SerializeAsString());
}

class PortsTest : public testing::Test {
 protected:
  static pb::Service Publishing(const std::string& id, std::vector<std::uint32_t> published,
                                pb::PortConfig::Protocol protocol = pb::PortConfig::TCP) {
    pb::Service service;
    service.set_id(id);
    std::uint32_t target = 80;
    for (const std::uint32_t number : published) {
      auto* port = service.mutable_spec()->mutable_endpoint()->add_ports();
      port->set_target_port(target++);
      port->set_published_port(number);
      port->set_protocol(protocol);
    }
    return service;
  }
  Result<std::vector<std::uint32_t>> Allocate(const pb::Service& service) {
    SWARM_ASSIGN_OR_RETURN(const auto ports, ports_.Allocate(service));
    std::vector<std::uint32_t> out;
    for (const auto& port : ports) out.push_back(port.published_port());
    return out;
  }
  using Numbers = std::vector<std::uint32_t>;
  Ports ports_;
};

// Pinned by SwarmKit: explicit numbers are kept, others come from the dynamic range.
TEST_F(PortsTest, NumbersAreKeptOrChosen) {
  EXPECT_EQ(*Allocate(Publishing("a", {0, 8080, 0})), (Numbers{8080, 30000, 30001}));
  EXPECT_EQ(*Allocate(Publishing("b", {0})), Numbers{30002});
  EXPECT_FALSE(Allocate(Publishing("c", {8080})).ok());
  EXPECT_TRUE(Allocate(Publishing("c", {8080}, pb::PortConfig::UDP)).ok());
  EXPECT_TRUE(ports_.Free("a"));
  EXPECT_FALSE(ports_.Free("a"));
  EXPECT_TRUE(Allocate(Publishing("d", {8080})).ok());
  EXPECT_EQ(*Allocate(Publishing("e", {0})), Numbers{30003}) << "not one just given back";
}

TEST_F(PortsTest, ANumberInTheDynamicRangeIsNotGivenTwice) {
  EXPECT_TRUE(Allocate(Publishing("a", {30000})).ok());
  EXPECT_EQ(*Allocate(Publishing("b", {0})), Numbers{30001});
}

// Pinned by SwarmKit: two identical explicit ports in one service.
TEST_F(PortsTest, OneServiceCannotHaveANumberTwice) {
  EXPECT_FALSE(Allocate(Publishing("a", {8080, 8080})).ok());
  EXPECT_TRUE(Allocate(Publishing("a", {8080, 8081})).ok());
}

// Pinned by SwarmKit: a chosen number stays while the service asks for the same.
TEST_F(PortsTest, ChosenNumbersStay) {
  pb::Service service = Publishing("a", {0, 0});
  auto first = ports_.Allocate(service);
  ASSERT_TRUE(first.ok());
  service.mutable_endpoint()->mutable_ports()->Assign(first->begin(), first->end());
  EXPECT_TRUE(PortsFit(service));
  service.mutable_spec()->mutable_endpoint()->mutable_ports(0)->set_published_port(9000);
  EXPECT_FALSE(PortsFit(service));
  EXPECT_EQ(*Allocate(service), (Numbers{9000, 30001}));
}

TEST_F(PortsTest, AFailureKeepsWhatTheServiceHas) {
  ASSERT_TRUE(Allocate(Publishing("a", {8080})).ok());
  ASSERT_TRUE(Allocate(Publishing("b", {9090})).ok());
  EXPECT_FALSE(Allocate(Publishing("a", {9091, 9090})).ok());
  EXPECT_FALSE(Allocate(Publishing("c", {8080})).ok());
  EXPECT_TRUE(Allocate(Publishing("c", {9091})).ok());
}

}  // namespace
}  // namespace swarm::allocator
