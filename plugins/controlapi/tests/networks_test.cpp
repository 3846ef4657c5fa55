// Networks: what a spec may say, and who keeps one from being removed.
#include <gtest/gtest.h>

#include "api_fixture.h"

namespace swarm::controlapi {
namespace {

using Edit = std::function<void(pb::NetworkSpec&)>;

class NetworksTest : public ApiTest {
 protected:
  Result<pb::Network> Create(const std::string& name, const Edit& edit = {}) {
    pb::CreateNetworkRequest request;
    request.mutable_spec()->mutable_annotations()->set_name(name);
    if (edit) edit(*request.mutable_spec());
    auto response = Call<pb::CreateNetworkResponse>("CreateNetwork", request);
    if (!response.ok()) return response.status();
    return response->network();
  }
  Status Refused(const Edit& edit) { return Create("net", edit).status(); }
  Status WithIpam(const std::string& subnet, const std::string& range, const std::string& gateway) {
    return Refused([&](pb::NetworkSpec& spec) {
      auto* config = spec.mutable_ipam()->add_configs();
      config->set_subnet(subnet);
      config->set_range(range);
      config->set_gateway(gateway);
    });
  }
  Status Remove(const std::string& id) {
    pb::RemoveNetworkRequest request;
    request.set_network_id(id);
    return Call<pb::RemoveNetworkResponse>("RemoveNetwork", request).status();
  }
};

TEST_F(NetworksTest, AreMadeShownAndRemoved) {
  const auto made = Create("net");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->id().size(), 25U);
  pb::GetNetworkRequest get;
  get.set_network_id(made->id());
  EXPECT_EQ(Call<pb::GetNetworkResponse>("GetNetwork", get)->network().SerializeAsString(),
            made->SerializeAsString());
  pb::ListNetworksRequest list;
  list.mutable_filters()->add_name_prefixes("n");
  EXPECT_EQ(Call<pb::ListNetworksResponse>("ListNetworks", list)->networks_size(), 1);
  list.mutable_filters()->add_id_prefixes("nope");
  EXPECT_EQ(Call<pb::ListNetworksResponse>("ListNetworks", list)->networks_size(), 0);
  EXPECT_TRUE(Remove(made->id()).ok());
  const Status gone(Code::kNotFound, "network " + made->id() + " not found");
  EXPECT_EQ(Remove(made->id()), gone);
  EXPECT_EQ(Call<pb::GetNetworkResponse>("GetNetwork", get).status(), gone);
  EXPECT_EQ(Remove("").message(), "invalid argument");
}

TEST_F(NetworksTest, NamesAreTakenOnce) {
  ASSERT_TRUE(Create("net").ok());
  EXPECT_EQ(Create("NET").status(),
            Status(Code::kUnknown, "name conflicts with an existing object"));
  EXPECT_EQ(Create("-net").status().message(), "name must be valid as a DNS name component");
  EXPECT_EQ(Call<pb::CreateNetworkResponse>("CreateNetwork", pb::CreateNetworkRequest()).status(),
            Status(Code::kInvalidArgument, "invalid argument"));
}

// Pinned by SwarmKit: drivers.
TEST_F(NetworksTest, DriversAreThoseThatEnginesHave) {
  const auto driver = [](const char* name) {
    return [name](pb::NetworkSpec& spec) { spec.mutable_driver_config()->set_name(name); };
  };
  EXPECT_TRUE(Create("a", driver("overlay")).ok());
  EXPECT_TRUE(Create("b", driver("MacVLAN")).ok());
  EXPECT_EQ(Refused(driver("")),
            Status(Code::kInvalidArgument, "driver name: if driver is specified name is required"));
  EXPECT_EQ(Refused(driver("weave")), Status(Code::kInvalidArgument, "plugin weave not supported"));
  EXPECT_EQ(Refused([](auto& s) { s.mutable_ipam()->mutable_driver()->set_name("infoblox"); }),
            Status(Code::kInvalidArgument, "plugin infoblox not supported"));
  EXPECT_TRUE(
      Create("c", [](auto& s) { s.mutable_ipam()->mutable_driver()->set_name("Default"); }).ok());
}

// Pinned by SwarmKit: the configuration of addresses.
TEST_F(NetworksTest, AddressesMustFitTogether) {
  const auto invalid = [](const std::string& text) {
    return Status(Code::kInvalidArgument, "ipam configuration: " + text);
  };
  EXPECT_EQ(WithIpam("", "", ""), invalid("invalid subnet "));
  EXPECT_EQ(WithIpam("10.1.0.0", "", ""), invalid("invalid subnet 10.1.0.0"));
  EXPECT_EQ(WithIpam("10.1.0.0/16", "10.1", ""), invalid("invalid range 10.1"));
  EXPECT_EQ(WithIpam("10.1.0.0/16", "10.2.0.0/24", ""),
            invalid("subnet 10.1.0.0/16 does not contain range 10.2.0.0/24"));
  EXPECT_EQ(WithIpam("10.1.0.0/16", "", "10.1.0"), invalid("invalid gateway 10.1.0"));
  EXPECT_EQ(WithIpam("10.1.0.0/16", "", "10.2.0.1"),
            invalid("subnet 10.1.0.0/16 does not contain gateway 10.2.0.1"));
  // Its first address is inside, and no more is asked of a range.
  EXPECT_TRUE(WithIpam("10.1.0.0/16", "10.1.2.0/8", "10.1.0.1").ok());
}

TEST_F(NetworksTest, ThereIsOneIngressNetwork) {
  const auto ingress = [](pb::NetworkSpec& spec) { spec.set_ingress(true); };
  const auto first = Create("in", ingress);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(
      Create("other", ingress).status(),
      Status(Code::kAlreadyExists, "ingress network (" + first->id() + ") is already present"));
  EXPECT_EQ(Refused([](auto& s) {
              s.set_ingress(true);
              s.set_attachable(true);
            }),
            Status(Code::kInvalidArgument, "ingress network cannot be attachable"));
  EXPECT_EQ(Refused([](auto& s) {
              s.set_ingress(true);
              s.mutable_driver_config()->set_name("macvlan");
            }),
            Status(Code::kUnimplemented,
                   "only overlay driver is currently supported for ingress network"));

  pb::Service service;
  service.set_id("web-id");
  *service.mutable_spec() = ASpec("web");
  service.mutable_spec()->mutable_endpoint()->add_ports()->set_target_port(80);
  Put(service);
  EXPECT_EQ(Remove(first->id()),
            Status(Code::kFailedPrecondition,
                   "ingress network cannot be removed because service web-id depends on it"));
  Write([](Transaction& tx) { return tx.Remove<pb::Service>("web-id"); });
  EXPECT_TRUE(Remove(first->id()).ok());
}

TEST_F(NetworksTest, PredefinedOnesAreTheClustersOwn) {
  EXPECT_EQ(Refused([](auto& s) {
              (*s.mutable_annotations()->mutable_labels())["com.docker.swarm.predefined"] = "";
            }),
            Status(Code::kPermissionDenied,
                   "label com.docker.swarm.predefined is for internally created predefined "
                   "networks and cannot be applied by users"));
  pb::Network host;
  host.set_id("host-id");
  host.mutable_spec()->mutable_annotations()->set_name("host");
  (*host.mutable_spec()->mutable_annotations()->mutable_labels())["com.docker.swarm.predefined"] =
      "true";
  Put(host);
  EXPECT_EQ(Remove("host-id"),
            Status(Code::kFailedPrecondition,
                   "network host-id (host) is a swarm predefined network and cannot be removed"));
}

// Pinned by SwarmKit: a network in use stays.
TEST_F(NetworksTest, OneInUseStays) {
  const auto made = Create("net");
  pb::Service service;
  service.set_id("web-id");
  *service.mutable_spec() = ASpec("web");
  service.mutable_spec()->mutable_task()->add_networks()->set_target(made->id());
  Put(service);
  EXPECT_EQ(Remove(made->id()), Status(Code::kFailedPrecondition,
                                       "network " + made->id() + " is in use by service web-id"));
  Write([](Transaction& tx) { return tx.Remove<pb::Service>("web-id"); });
  pb::Task task;
  task.set_id("task-id");
  task.mutable_spec()->add_networks()->set_target(made->id());
  task.set_desired_state(pb::RUNNING);
  task.mutable_status()->set_state(pb::RUNNING);
  PutTask(task);
  EXPECT_EQ(Remove(made->id()), Status(Code::kFailedPrecondition,
                                       "network " + made->id() + " is in use by task task-id"));
  Write([](Transaction& tx) {
    auto stopped = std::make_shared<Task>(*tx.GetTask("task-id"));
    stopped->status.state = pb::COMPLETE;
    return tx.UpdateTask(std::move(stopped));
  });
  EXPECT_TRUE(Remove(made->id()).ok());
}

}  // namespace
}  // namespace swarm::controlapi
