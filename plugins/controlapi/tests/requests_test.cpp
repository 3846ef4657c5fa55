// What every call says about a request that is not complete or names nothing.
#include "api_fixture.h"

namespace swarm::controlapi {
namespace {

using RequestsTest = ApiTest;

// Pinned by SwarmKit: an empty id is an invalid argument, an unknown one is not found.
TEST_F(RequestsTest, AnObjectIsNamedAndExists) {
  const auto check = [this](const std::string& method, const std::string& kind, const auto& call) {
    EXPECT_EQ(call(""), Status(Code::kInvalidArgument, "invalid argument")) << method;
    EXPECT_EQ(call("nope"), Status(Code::kNotFound, kind + " nope not found")) << method;
  };
  check("GetNode", "node", [this](const char* id) {
    pb::GetNodeRequest request;
    request.set_node_id(id);
    return Call<pb::GetNodeResponse>("GetNode", request).status();
  });
  check("UpdateNode", "node", [this](const char* id) {
    pb::UpdateNodeRequest request;
    request.set_node_id(id);
    request.mutable_node_version();
    request.mutable_spec();
    return Call<pb::UpdateNodeResponse>("UpdateNode", request).status();
  });
  check("RemoveNode", "node", [this](const char* id) {
    pb::RemoveNodeRequest request;
    request.set_node_id(id);
    return Call<pb::RemoveNodeResponse>("RemoveNode", request).status();
  });
  check("GetTask", "task", [this](const char* id) {
    pb::GetTaskRequest request;
    request.set_task_id(id);
    return Call<pb::GetTaskResponse>("GetTask", request).status();
  });
  check("RemoveTask", "task", [this](const char* id) {
    pb::RemoveTaskRequest request;
    request.set_task_id(id);
    return Call<pb::RemoveTaskResponse>("RemoveTask", request).status();
  });
  check("GetService", "service", [this](const char* id) {
    pb::GetServiceRequest request;
    request.set_service_id(id);
    return Call<pb::GetServiceResponse>("GetService", request).status();
  });
  check("UpdateService", "service", [this](const char* id) {
    pb::UpdateServiceRequest request;
    request.set_service_id(id);
    request.mutable_service_version();
    *request.mutable_spec() = ASpec("web");
    return Call<pb::UpdateServiceResponse>("UpdateService", request).status();
  });
  check("RemoveService", "service", [this](const char* id) {
    pb::RemoveServiceRequest request;
    request.set_service_id(id);
    return Call<pb::RemoveServiceResponse>("RemoveService", request).status();
  });
  check("GetCluster", "cluster", [this](const char* id) {
    pb::GetClusterRequest request;
    request.set_cluster_id(id);
    return Call<pb::GetClusterResponse>("GetCluster", request).status();
  });
  check("UpdateCluster", "cluster", [this](const char* id) {
    pb::UpdateClusterRequest request;
    request.set_cluster_id(id);
    request.mutable_cluster_version();
    request.mutable_spec()->mutable_annotations()->set_name("default");
    return Call<pb::UpdateClusterResponse>("UpdateCluster", request).status();
  });
}

// Pinned by SwarmKit: an update without a version, or without a specification.
TEST_F(RequestsTest, AnUpdateHasAVersionAndASpecification) {
  pb::Node node;
  node.set_id("id");
  Put(node);
  pb::Cluster cluster;
  cluster.set_id("id");
  cluster.mutable_spec()->mutable_annotations()->set_name("default");
  Put(cluster);
  pb::Service service;
  service.set_id("id");
  *service.mutable_spec() = ASpec("web");
  Put(service);
  for (const bool with_version : {false, true}) {
    pb::UpdateNodeRequest of_node;
    of_node.set_node_id("id");
    pb::UpdateClusterRequest of_cluster;
    of_cluster.set_cluster_id("id");
    pb::UpdateServiceRequest of_service;
    of_service.set_service_id("id");
    if (with_version) {
      of_node.mutable_node_version();
      of_cluster.mutable_cluster_version();
      of_service.mutable_service_version();
    } else {
      of_node.mutable_spec();
      of_cluster.mutable_spec()->mutable_annotations()->set_name("default");
      *of_service.mutable_spec() = ASpec("web");
    }
    const auto code = [](const auto& reply) { return reply.status().code(); };
    EXPECT_EQ(code(Call<pb::UpdateNodeResponse>("UpdateNode", of_node)), Code::kInvalidArgument);
    EXPECT_EQ(code(Call<pb::UpdateClusterResponse>("UpdateCluster", of_cluster)),
              Code::kInvalidArgument);
    EXPECT_EQ(code(Call<pb::UpdateServiceResponse>("UpdateService", of_service)),
              Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace swarm::controlapi
